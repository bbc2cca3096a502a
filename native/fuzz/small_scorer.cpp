#include "small_scorer.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "lm/dictionary_builder.h"
#include "lm/ngram_model.h"
#include "lm/scorer.h"

namespace stt::fuzz {
namespace {

constexpr int kProbBits = 4, kBackoffBits = 3;  // of quantised tries
constexpr uint8_t kConfiguredBits = 255;

class Writer {
 public:
  template <typename T>
  void write(T value) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(&value);
    bytes_.insert(bytes_.end(), bytes, bytes + sizeof(T));
  }
  void write_text(std::string_view text) { bytes_.insert(bytes_.end(), text.begin(), text.end()); }
  void pad_to(uint64_t size) { bytes_.resize(size); }
  void align(uint64_t to) { pad_to((bytes_.size() + to - 1) / to * to); }
  uint64_t size() const { return bytes_.size(); }
  std::vector<uint8_t> take() { return std::move(bytes_); }

 private:
  std::vector<uint8_t> bytes_;
};

// Fields of any width one after the other, lowest bit first.
class BitWriter {
 public:
  void write(uint64_t value, int width) {
    for (int i = 0; i < width; ++i) bits_.push_back((value >> i) & 1);
  }
  // Writes what was packed, with room for one more record and a load past the end.
  void flush(Writer& writer, int record_bits) {
    bits_.resize(bits_.size() + static_cast<size_t>(record_bits));
    bits_.resize((bits_.size() + 7) / 8 * 8 + 64);
    for (size_t i = 0; i < bits_.size(); i += 8) {
      uint8_t byte = 0;
      for (size_t j = 0; j < 8; ++j) byte |= static_cast<uint8_t>((bits_[i + j] ? 1 : 0) << j);
      writer.write(byte);
    }
  }

 private:
  std::vector<bool> bits_;
};

// N-grams newest word first, sorted; which of them there are follows from their word numbers.
struct Trigrams {
  std::vector<std::string> words;  // by hash; number 0 is the unknown word, the first is number 1
  std::vector<std::pair<uint32_t, uint32_t>> pairs;
  std::vector<uint64_t> first_pair, first_triple;  // by word number and by pair, with an end
  std::vector<uint32_t> oldest;                    // of the triples

  explicit Trigrams(std::vector<std::string> known) : words(std::move(known)) {
    words.insert(words.end(), {"<s>", "</s>"});
    std::sort(words.begin(), words.end(), [](const std::string& a, const std::string& b) {
      return hash_word(a) < hash_word(b);
    });
    for (uint32_t word = 0; word <= words.size(); ++word) {
      first_pair.push_back(pairs.size());
      for (uint32_t before = 1; word > 0 && before <= words.size(); ++before) {
        if ((3 * word + before) % 4 == 0) continue;
        first_triple.push_back(oldest.size());
        pairs.emplace_back(word, before);
        for (uint32_t old = 1; old <= words.size(); ++old) {
          if ((word + before + old) % 3 == 0) oldest.push_back(old);
        }
      }
    }
    first_pair.push_back(pairs.size());
    first_triple.push_back(oldest.size());
  }
};

// How many low bits of the pointers stay in the records, as KenLM chooses it.
int inline_bits(uint64_t entries, uint64_t largest) {
  const int required = std::bit_width(largest);
  int chosen = 0;
  auto lowest = std::numeric_limits<int64_t>::max();
  for (int chop = 0; chop <= required; ++chop) {
    const auto cost = static_cast<int64_t>((largest >> (required - chop)) * 64) -
                      static_cast<int64_t>(entries) * chop;
    if (cost < lowest) lowest = cost, chosen = chop;
  }
  return required - chosen;
}

float prob_of(uint64_t i) { return -0.25f * static_cast<float>(1 + i % 15); }
float backoff_of(uint64_t i) { return i % 5 == 0 ? -0.0f : -0.125f * static_cast<float>(i % 7); }

void write_pointers(Writer& writer, const std::vector<uint64_t>& next, int width) {
  const uint64_t start = writer.size();
  writer.write(uint8_t{0});
  writer.write(kConfiguredBits);
  writer.align(8);
  writer.pad_to((start + 7) / 8 * 8 + 8);
  const uint64_t high_count = (next.back() >> width) + 1;
  for (uint64_t high = 0; high < high_count; ++high) {
    const auto first = std::find_if(next.begin(), next.end(),
                                    [&](uint64_t at) { return (at >> width) >= high; });
    writer.write(static_cast<uint64_t>(first - next.begin()));
  }
  writer.pad_to(start + 8 * (1 + high_count) + 7);
}

void write_quantisation(Writer& writer) {
  const uint64_t start = writer.size();
  for (const int value : {2, kProbBits, kBackoffBits}) writer.write(static_cast<uint8_t>(value));
  writer.pad_to(start + 8);
  const auto write_probs = [&] {
    for (uint64_t i = 0; i < 1 << kProbBits; ++i) writer.write(prob_of(i));
  };
  write_probs();
  for (uint64_t i = 0; i < 1 << kBackoffBits; ++i) writer.write(backoff_of(i));
  write_probs();
}

void write_pairs(Writer& writer, const Trigrams& grams, int word_bits, bool quantised, bool array) {
  const auto& next = grams.first_triple;
  const int next_bits =
      array ? inline_bits(grams.pairs.size() + 1, next.back()) : std::bit_width(next.back());
  if (array) write_pointers(writer, next, next_bits);
  BitWriter bits;
  for (size_t i = 0; i < next.size(); ++i) {
    bits.write(i < grams.pairs.size() ? grams.pairs[i].second : 0, word_bits);
    if (quantised) {
      bits.write(i, kBackoffBits);
      bits.write(i, kProbBits);
    } else {
      bits.write(std::bit_cast<uint32_t>(-prob_of(i)), 31);
      bits.write(std::bit_cast<uint32_t>(backoff_of(i)), 32);
    }
    bits.write(next[i], next_bits);
  }
  // The record with the end of the last range is the spare one, so no more is added.
  bits.flush(writer, 0);
}

void write_triples(Writer& writer, const Trigrams& grams, int word_bits, bool quantised) {
  BitWriter bits;
  for (size_t i = 0; i < grams.oldest.size(); ++i) {
    bits.write(grams.oldest[i], word_bits);
    if (quantised) {
      bits.write(i, kProbBits);
    } else {
      bits.write(std::bit_cast<uint32_t>(-prob_of(i)), 31);
    }
  }
  bits.flush(writer, word_bits + (quantised ? kProbBits : 31));
}

void write_model(Writer& writer, const Trigrams& grams, Trie trie) {
  const bool quantised = trie == Trie::kQuantised || trie == Trie::kQuantisedArray;
  const bool array = trie == Trie::kArray || trie == Trie::kQuantisedArray;
  const uint64_t unigrams = grams.words.size() + 1;
  writer.write_text("mmap lm http://kheafield.com/code format version 5\n");
  writer.pad_to(88);
  writer.write(uint32_t{3});  // order
  writer.write(1.5f);
  writer.write(static_cast<uint32_t>(trie));
  writer.write(uint32_t{0});  // no vocabulary strings
  writer.write(uint32_t{1});
  for (const uint64_t count : {unigrams, uint64_t{grams.pairs.size()}, uint64_t{grams.oldest.size()}})
    writer.write(count);
  writer.align(8);
  writer.write(uint64_t{grams.words.size()});
  for (const std::string& word : grams.words) writer.write(hash_word(word));
  writer.write(uint64_t{0});
  if (quantised) write_quantisation(writer);
  for (uint64_t i = 0; i < unigrams + 2; ++i) {
    writer.write(prob_of(i));
    writer.write(backoff_of(i));
    writer.write(grams.first_pair[std::min<size_t>(i, grams.first_pair.size() - 1)]);
  }
  const int word_bits = std::bit_width(unigrams);
  write_pairs(writer, grams, word_bits, quantised, array);
  write_triples(writer, grams, word_bits, quantised);
}

std::vector<std::string> known_words(ScoredUnit unit) {
  switch (unit) {
    case ScoredUnit::kWord:
      return {"a",  "b",    "ab",  "abba",    "bad", "cab", "dad",
              "it", "it's", "its", "another", "say", "zoo", "yes"};
    case ScoredUnit::kCodePoint:
      return {" ", "a", "b", "c", "d", "e", "ß", "é", "ж", "я", "中", "文", "😀", "z"};
    case ScoredUnit::kLabel:
      break;
  }
  const Labels labels = characters();
  std::vector<std::string> words = labels.texts;
  words[static_cast<size_t>(labels.space)] = ScorerHeader::kSpaceWord;
  return words;
}

std::vector<int> spell(std::string_view word, const Labels& labels) {
  std::vector<int> spelling;
  for (const char letter : word) {
    const auto found = std::find(labels.texts.begin(), labels.texts.end(), std::string(1, letter));
    spelling.push_back(static_cast<int>(found - labels.texts.begin()));
  }
  if (!labels.is_bytes) spelling.push_back(labels.space);
  return spelling;
}

std::vector<std::vector<int>> spell_all(const std::vector<std::string>& words, ScoredUnit unit) {
  const Labels labels = labels_of(unit);
  std::vector<std::vector<int>> spellings;
  if (unit == ScoredUnit::kLabel) {
    for (int label = 0; label < labels.size(); ++label) spellings.push_back({label});
  } else {
    for (const std::string& word : words) spellings.push_back(spell(word, labels));
  }
  return spellings;
}

}  // namespace

Labels characters() {
  Labels labels;
  labels.texts.emplace_back(" ");
  for (char c = 'a'; c <= 'z'; ++c) labels.texts.emplace_back(1, c);
  labels.texts.emplace_back("'");
  labels.space = 0;
  return labels;
}

Labels all_bytes() {
  Labels labels;
  for (int byte = 1; byte < 256; ++byte) labels.texts.emplace_back(1, static_cast<char>(byte));
  labels.space = ' ' - 1;
  labels.is_bytes = true;
  return labels;
}

Labels labels_of(ScoredUnit unit) {
  return unit == ScoredUnit::kCodePoint ? all_bytes() : characters();
}

std::vector<uint8_t> small_scorer(Trie trie, ScoredUnit unit) {
  const std::vector<std::string> words = known_words(unit);
  Writer writer;
  write_model(writer, Trigrams(words), trie);
  writer.write(ScorerHeader::kMagic);
  writer.write(unit == ScoredUnit::kLabel ? ScorerHeader::kLabelVersion : ScorerHeader::kVersion);
  writer.write(unit);
  writer.write(0.75);
  writer.write(1.25);
  writer.write_text(build_dictionary(spell_all(words, unit), writer.size()));
  writer.write_text(ScorerTail::kMagic);
  for (uint64_t i = 0; i < ScorerTail::kHashSize; ++i) writer.write('x');
  return writer.take();
}

}  // namespace stt::fuzz
