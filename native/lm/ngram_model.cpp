#include "lm/ngram_model.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>

#include "errors.h"
#include "lm/byte_reader.h"

namespace stt {
namespace {

constexpr char kMagic[] = "mmap lm http://kheafield.com/code format version 5\n";
constexpr uint64_t kSanitySize = 88;
constexpr uint64_t kUnigramSize = 16;
constexpr uint32_t kNoExtensionBits = 0x80000000;  // back-off -0.0: no longer n-gram starts so
enum ModelType : uint32_t {
  kProbing = 0,
  kRestProbing = 1,
  kTrie = 2,
  kQuantTrie = 3,
  kArrayTrie = 4,
  kQuantArrayTrie = 5
};

int required_bits(uint64_t value) { return static_cast<int>(std::bit_width(value)); }

uint64_t packed_size(uint64_t records, int record_bits) {
  return ((1 + records) * static_cast<uint64_t>(record_bits) + 7) / 8 + sizeof(uint64_t);
}

bool has_extension(float backoff) { return std::bit_cast<uint32_t>(backoff) != kNoExtensionBits; }

// How many high bits of `next` Bhiksha's array takes over, chosen for the least space.
int chopped_bits(uint64_t entries, uint64_t max_next, int configured) {
  const int required = required_bits(max_next);
  int best = 0;
  int64_t lowest = INT64_MAX;
  for (int chop = 0; chop <= std::min(required, configured); ++chop) {
    const int64_t change = static_cast<int64_t>((max_next >> (required - chop)) * 64) -
                           static_cast<int64_t>(entries) * chop;
    if (change < lowest) {
      lowest = change;
      best = chop;
    }
  }
  return best;
}

}  // namespace

// MurmurHash64A with seed 0 (Appleby, public domain algorithm).
uint64_t hash_word(std::string_view word) {
  constexpr uint64_t kMultiplier = 0xc6a4a7935bd1e995ULL;
  const auto* data = reinterpret_cast<const uint8_t*>(word.data());
  const size_t blocks = word.size() / 8, rest = word.size() % 8;
  uint64_t hash = word.size() * kMultiplier;
  for (size_t i = 0; i < blocks; ++i) {
    uint64_t block = load<uint64_t>(data + 8 * i) * kMultiplier;
    block = (block ^ (block >> 47)) * kMultiplier;
    hash = (hash ^ block) * kMultiplier;
  }
  if (rest != 0) {
    uint64_t tail = 0;
    std::memcpy(&tail, data + 8 * blocks, rest);
    hash = (hash ^ tail) * kMultiplier;
  }
  hash = (hash ^ (hash >> 47)) * kMultiplier;
  return hash ^ (hash >> 47);
}

NgramModel::NgramModel(std::span<const uint8_t> file) {
  const size_t magic_size = sizeof(kMagic) - 1;
  if (file.size() < magic_size || std::memcmp(file.data(), kMagic, magic_size) != 0) {
    throw ScorerError(
        "the file is not a scorer: it does not start with a KenLM binary of format version 5; "
        "make one with generate_scorer_package");
  }
  ByteReader reader(file, kSanitySize);
  const int order = reader.read<uint8_t>("the language model's header");
  reader.take(3, "the language model's header");
  reader.read<float>("the language model's header");
  const auto model_type = reader.read<uint32_t>("the language model's header");
  const auto has_vocabulary = reader.read<uint8_t>("the language model's header");
  reader.take(3, "the language model's header");
  const auto search_version = reader.read<uint32_t>("the language model's header");
  if (model_type == kProbing || model_type == kRestProbing) {
    throw ScorerError(
        "its language model is a KenLM hash table ('probing'); build it again as a trie: "
        "build_binary -a 255 -q 8 -v trie lm.arpa lm.binary");
  }
  if (model_type > kQuantArrayTrie || search_version != 1) {
    throw ScorerError("its language model has the unknown type " + std::to_string(model_type) +
                      " (version " + std::to_string(search_version) + "); tries are read");
  }
  if (has_vocabulary != 0) {
    throw ScorerError(
        "its language model holds vocabulary strings, which hide the dictionary behind them; "
        "build it with -v: build_binary -a 255 -q 8 -v trie lm.arpa lm.binary");
  }
  if (order < 2 || order > kMaxOrder) {
    throw ScorerError("its language model has order " + std::to_string(order) + "; 2 to " +
                      std::to_string(kMaxOrder) + " are read");
  }
  for (int i = 0; i < order; ++i) {
    counts_.push_back(reader.read<uint64_t>("the language model's n-gram counts"));
    // Every n-gram takes at least a bit; this also keeps the size arithmetic below from wrapping.
    if (counts_.back() > file.size() * 8) {
      throw ScorerError("its language model claims " + std::to_string(counts_.back()) + " " +
                        std::to_string(i + 1) + "-grams, more than the file's " +
                        std::to_string(file.size()) + " bytes can hold; it is damaged");
    }
  }
  if (counts_[0] == 0 || counts_[0] > UINT32_MAX) {
    throw ScorerError("its language model has an impossible number of words: " +
                      std::to_string(counts_[0]));
  }
  reader.align(sizeof(uint64_t));
  lay_out(file, reader.offset(), model_type);
}

void NgramModel::lay_out(std::span<const uint8_t> file, uint64_t offset, uint32_t model_type) {
  const bool quantised = model_type == kQuantTrie || model_type == kQuantArrayTrie;
  const bool array = model_type == kArrayTrie || model_type == kQuantArrayTrie;
  const size_t order = counts_.size();
  ByteReader reader(file, offset);

  const uint8_t* vocabulary = reader.take(8 + 8 * counts_[0], "the language model's words");
  vocabulary_count_ = load<uint64_t>(vocabulary);
  vocabulary_ = vocabulary + 8;
  if (vocabulary_count_ > counts_[0]) {
    throw ScorerError("its language model's word table claims more words than there are unigrams");
  }

  levels_.resize(order - 1);
  if (quantised) {
    const uint8_t* header = reader.take(8, "the language model's quantisation");
    const int prob_bits = header[1], backoff_bits = header[2];
    if (header[0] != 2 || prob_bits == 0 || prob_bits > 25 || backoff_bits == 0 ||
        backoff_bits > 25) {
      throw ScorerError("its language model's quantisation is of an unknown version or width");
    }
    for (size_t i = 0; i < levels_.size(); ++i) {
      const bool longest = i + 1 == levels_.size();
      Level& level = levels_[i];
      level.prob_bits = prob_bits;
      level.probs = reader.take(sizeof(float) << prob_bits, "the language model's quantisation");
      level.weight_bits = prob_bits;
      if (longest) continue;
      level.backoff_bits = backoff_bits;
      level.backoffs =
          reader.take(sizeof(float) << backoff_bits, "the language model's quantisation");
      level.weight_bits += backoff_bits;
    }
  }
  unigrams_ = reader.take(kUnigramSize * (counts_[0] + 2), "the language model's unigrams");

  for (size_t i = 0; i < levels_.size(); ++i) {
    const bool longest = i + 1 == levels_.size();
    Level& level = levels_[i];
    level.count = counts_[i + 1];
    level.word_bits = required_bits(counts_[0]);
    if (!quantised) level.weight_bits = longest ? 31 : 63;
    if (!longest) {
      level.child_count = counts_[i + 2];
      level.next_bits = required_bits(level.child_count);
      if (array) {
        const uint64_t start = reader.offset();
        const uint8_t* header = reader.take(2, "the language model's pointers");
        if (header[0] != 0)
          throw ScorerError("its language model's pointers are of an unknown version");
        level.next_bits -= chopped_bits(level.count + 1, level.child_count, header[1]);
        level.high_count = (level.child_count >> level.next_bits) + 1;
        // The header is not aligned but the array is; seven spare bytes make room for that.
        reader = ByteReader(file, (start + 7) / 8 * 8 + 8);
        level.high_offsets = reader.take(8 * level.high_count, "the language model's pointers");
        reader = ByteReader(file, start + 8 * (1 + level.high_count) + 7);
      }
    }
    level.record_bits = level.word_bits + level.weight_bits + level.next_bits;
    level.records =
        reader.take(packed_size(level.count, level.record_bits), "the language model's n-grams");
  }
  end_offset_ = reader.offset();
}

WordIndex NgramModel::find(uint64_t word_hash) const {
  // Hashes are spread evenly, so the place can be guessed; each guess narrows the bracket.
  uint64_t low = 0, high = vocabulary_count_;
  uint64_t low_hash = 0, high_hash = UINT64_MAX;
  while (low < high) {
    const double fraction = static_cast<double>(word_hash - low_hash) /
                            (static_cast<double>(high_hash - low_hash) + 1.0);
    const uint64_t guess =
        std::min(low + static_cast<uint64_t>(fraction * static_cast<double>(high - low)), high - 1);
    const auto found = load<uint64_t>(vocabulary_ + 8 * guess);
    if (found == word_hash) return static_cast<WordIndex>(guess + 1);
    if (found < word_hash) {
      low = guess + 1;
      low_hash = found;
    } else {
      high = guess;
      high_hash = found;
    }
    // Damaged tables need not be sorted: stop where the bracket has lost the hash.
    if (word_hash < low_hash || word_hash > high_hash) break;
  }
  return kUnknownWord;
}

NgramState NgramModel::sentence_start() const {
  NgramState state;
  state.length = 1;
  state.words[0] = find("<s>");
  state.backoffs[0] = load<float>(unigrams_ + kUnigramSize * state.words[0] + 4);
  return state;
}

float NgramModel::score(const NgramState& state, WordIndex word, NgramState& next) const {
  if (word >= counts_[0]) word = kUnknownWord;
  const uint8_t* unigram = unigrams_ + kUnigramSize * word;
  float prob = load<float>(unigram);
  int matched = 1;  // order of the longest n-gram found
  next.words[0] = word;
  next.backoffs[0] = load<float>(unigram + 4);
  next.length = has_extension(next.backoffs[0]) ? 1 : 0;

  Range range = unigram_children(word);
  for (int i = 0; i < state.length && !range.empty(); ++i) {
    const bool longest = i + 2 == order();
    const Level& level = levels_[static_cast<size_t>(i)];
    uint64_t record = 0;
    if (!level.find(state.words[static_cast<size_t>(i)], range, record)) break;
    prob = level.prob(record, longest);
    matched = i + 2;
    if (longest) break;
    const float backoff = level.backoff(record);
    next.words[static_cast<size_t>(i + 1)] = state.words[static_cast<size_t>(i)];
    next.backoffs[static_cast<size_t>(i + 1)] = backoff;
    if (has_extension(backoff)) next.length = matched;
    range = level.children(record);
  }
  for (int i = matched - 1; i < state.length; ++i) prob += state.backoffs[static_cast<size_t>(i)];
  return prob;
}

NgramModel::Range NgramModel::unigram_children(WordIndex word) const {
  const uint8_t* unigram = unigrams_ + kUnigramSize * word;
  return {load<uint64_t>(unigram + 8),
          std::min(load<uint64_t>(unigram + kUnigramSize + 8), counts_[1])};
}

inline uint64_t NgramModel::Level::bits(uint64_t record, int offset, int width) const {
  // Fields are at most 57 bits wide, so one unaligned load holds any of them whole.
  const uint64_t at = record * static_cast<uint64_t>(record_bits) + static_cast<uint64_t>(offset);
  return (load<uint64_t>(records + (at >> 3)) >> (at & 7)) & ((uint64_t{1} << width) - 1);
}

bool NgramModel::Level::find(WordIndex word, Range range, uint64_t& record) const {
  uint64_t low = range.begin, high = range.end;
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    const uint64_t found = bits(middle, 0, word_bits);
    if (found == word) {
      record = middle;
      return true;
    }
    if (found < word) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return false;
}

float NgramModel::Level::prob(uint64_t record, bool longest) const {
  if (probs != nullptr) {
    const int offset = word_bits + (longest ? 0 : backoff_bits);
    return load<float>(probs + sizeof(float) * bits(record, offset, prob_bits));
  }
  // The sign is always minus and not stored.
  return -std::bit_cast<float>(static_cast<uint32_t>(bits(record, word_bits, 31)));
}

float NgramModel::Level::backoff(uint64_t record) const {
  if (backoffs != nullptr) {
    return load<float>(backoffs + sizeof(float) * bits(record, word_bits, backoff_bits));
  }
  return std::bit_cast<float>(static_cast<uint32_t>(bits(record, word_bits + 31, 32)));
}

uint64_t NgramModel::Level::high_part(uint64_t record) const {
  // The last high part whose first record is not after this one.
  uint64_t low = 0, high = high_count;
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    if (load<uint64_t>(high_offsets + 8 * middle) <= record) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low == 0 ? 0 : low - 1;
}

NgramModel::Range NgramModel::Level::children(uint64_t record) const {
  const int offset = word_bits + weight_bits;
  uint64_t begin = bits(record, offset, next_bits), end = bits(record + 1, offset, next_bits);
  if (high_offsets != nullptr) {
    uint64_t high = high_part(record);
    begin |= high << next_bits;
    while (high + 1 < high_count && load<uint64_t>(high_offsets + 8 * (high + 1)) <= record + 1)
      ++high;
    end |= high << next_bits;
  }
  return {begin, std::min(end, child_count)};
}

}  // namespace stt
