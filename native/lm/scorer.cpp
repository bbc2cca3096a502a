#include "lm/scorer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "errors.h"
#include "lm/byte_reader.h"

namespace stt {
namespace {

constexpr int kLongestSampledWord = 256;

}  // namespace

Scorer::Scorer(const std::string& path, Labels labels, std::string_view alphabet_hash)
    : file_(path), labels_(std::move(labels)) {
  try {
    const auto file = file_.bytes();
    model_ = std::make_unique<NgramModel>(file);
    read_header(file);
    dictionary_ = Dictionary(file, model_->end_offset() + ScorerHeader::kSize);
    read_tail(file, alphabet_hash);
    if (unit() == ScoredUnit::kLabel) hash_labels();
    check_alphabet();
  } catch (const ScorerError& error) {
    throw ScorerError("scorer " + path + ": " + error.what());
  }
}

void Scorer::read_header(std::span<const uint8_t> file) {
  if (file.size() == model_->end_offset()) {
    throw ScorerError(
        "it is a bare language model without a dictionary; make a scorer of it with "
        "generate_scorer_package --lm");
  }
  ByteReader reader(file, model_->end_offset());
  if (reader.read<int32_t>("the scorer's header") != ScorerHeader::kMagic) {
    throw ScorerError("what follows its language model is not a scorer's dictionary");
  }
  const auto version = reader.read<int32_t>("the scorer's header");
  if (version != ScorerHeader::kVersion && version != ScorerHeader::kLabelVersion) {
    throw ScorerError("it has the format version " + std::to_string(version) + "; versions " +
                      std::to_string(ScorerHeader::kVersion) + " and " +
                      std::to_string(ScorerHeader::kLabelVersion) +
                      " are read: make it again with generate_scorer_package");
  }
  const auto unit = reader.read<uint8_t>("the scorer's header");
  if (version == ScorerHeader::kVersion) {
    header_.unit = unit != 0 ? ScoredUnit::kCodePoint : ScoredUnit::kWord;
  } else if (unit == static_cast<uint8_t>(ScoredUnit::kLabel)) {
    header_.unit = ScoredUnit::kLabel;
  } else {
    throw ScorerError("it scores the unknown unit " + std::to_string(unit) + "; get it again");
  }
  header_.alpha = reader.read<double>("the scorer's header");
  header_.beta = reader.read<double>("the scorer's header");
}

void Scorer::read_tail(std::span<const uint8_t> file, std::string_view alphabet_hash) {
  constexpr uint64_t kMagicSize = sizeof(ScorerTail::kMagic) - 1;
  const auto tail = file.subspan(dictionary_.end_offset());
  const size_t begun = std::min<size_t>(tail.size(), kMagicSize);
  if (begun == 0 || std::memcmp(tail.data(), ScorerTail::kMagic, begun) != 0) return;
  if (tail.size() < kMagicSize + ScorerTail::kHashSize) {
    throw ScorerError(
        "it is cut off in its last bytes, which say what its alphabet is; get it again");
  }
  has_alphabet_hash_ = true;
  if (!alphabet_hash.empty() &&
      std::memcmp(tail.data() + kMagicSize, alphabet_hash.data(), ScorerTail::kHashSize) != 0) {
    throw ScorerError(
        "it was made for another alphabet; use the alphabet it was made with, or make a scorer "
        "for this one with generate_scorer_package");
  }
}

void Scorer::hash_labels() {
  for (int label = 0; label < labels_.size(); ++label) {
    const std::string& text = labels_.texts[static_cast<size_t>(label)];
    label_hashes_.push_back(hash_word(label == labels_.space ? ScorerHeader::kSpaceWord : text));
  }
}

void Scorer::check_alphabet() const {
  if (is_utf8() && !labels_.is_bytes) {
    throw ScorerError(
        "it is for models that write UTF-8 bytes and the alphabet is one of characters; use "
        "UTF8Alphabet, or a scorer made with --force_bytes_output_mode false");
  }
  if (!is_utf8() && labels_.is_bytes) {
    throw ScorerError(
        "it is for models that write characters and the alphabet is UTF8Alphabet; use the "
        "model's alphabet, or a scorer made with --force_bytes_output_mode true");
  }
  if (unit() == ScoredUnit::kWord && labels_.space < 0) {
    throw ScorerError("it scores words, and the alphabet has no space to separate them");
  }
  // The file need not say which alphabet it is for, but with another one its dictionary spells
  // words that its language model has never seen.
  constexpr int kSample = 64;
  const auto words = sample_words(kSample);
  if (unit() == ScoredUnit::kLabel) {
    // It allows all labels, whether its language model has seen them or not.
    if (has_alphabet_hash_) return;
    throw ScorerError("it does not say which alphabet its characters are of; make it again");
  }
  size_t known = 0;
  for (const auto& word : words) known += model_->find(word) != kUnknownWord ? 1 : 0;
  if (words.empty() || 2 * known < words.size()) {
    throw ScorerError(
        "its dictionary does not fit the alphabet of " + std::to_string(labels_.size()) +
        " labels: of " + std::to_string(words.size()) +
        " words looked at, its language model knows " + std::to_string(known) +
        (words.empty() ? "" : " (one reads '" + words.front() + "')") +
        "; use the alphabet it was made with, or make it again with generate_scorer_package");
  }
}

std::vector<std::string> Scorer::sample_words(int limit) const {
  std::vector<std::string> words;
  for (int i = 0; i < limit; ++i) {
    // Walk i goes for a different arc at every state: the digits of a number derived from i.
    uint64_t choice = static_cast<uint64_t>(i) * 0x9e3779b97f4a7c15ULL;
    std::string word;
    Dictionary::State state = dictionary_.start();
    for (int length = 0; length < kLongestSampledWord; ++length) {
      std::vector<std::pair<int, Dictionary::State>> arcs;
      dictionary_.for_each_arc(
          state, [&](int label, Dictionary::State next) { arcs.emplace_back(label, next); });
      if (arcs.empty()) break;
      choice = choice * 6364136223846793005ULL + 1442695040888963407ULL;
      const auto [label, next] = arcs[(choice >> 33) % arcs.size()];
      if (label < 0 || label >= labels_.size()) {
        throw ScorerError("its dictionary uses label " + std::to_string(label) +
                          ", outside the alphabet of " + std::to_string(labels_.size()) +
                          "; use the alphabet it was made with");
      }
      if (label == labels_.space && unit() == ScoredUnit::kWord) break;
      word += labels_.texts[static_cast<size_t>(label)];
      state = next;
      if (next == Dictionary::kNone || next == dictionary_.start()) break;
    }
    if (!word.empty()) words.push_back(std::move(word));
  }
  return words;
}

}  // namespace stt
