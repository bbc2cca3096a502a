// A scorer: a language model and the dictionary of its words, for one alphabet.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lm/dictionary.h"
#include "lm/labels.h"
#include "lm/mapped_file.h"
#include "lm/ngram_model.h"

namespace stt {

// What the language model's "words" are. Labels are single characters of an alphabet: any text can
// be written then, also words that the language model has never seen.
enum class ScoredUnit : uint8_t { kWord = 0, kCodePoint = 1, kLabel = 2 };

// What follows the language model in a `.scorer` file, before the dictionary.
struct ScorerHeader {
  static constexpr int32_t kMagic = 0x54524945;  // "TRIE" as a multi-character constant
  static constexpr int32_t kVersion = 6;
  // Of scorers of labels, which upstream does not know: it refuses them by their version.
  static constexpr int32_t kLabelVersion = 7;
  static constexpr uint64_t kSize = 25;
  // The language model's word for a space: its words cannot hold one.
  static constexpr char kSpaceWord[] = "<space>";

  ScoredUnit unit = ScoredUnit::kWord;
  double alpha = 0, beta = 0;
};

// Optional tail of the file, after the dictionary: which alphabet the labels belong to.
// Upstream's loader stops before it.
struct ScorerTail {
  static constexpr char kMagic[] = "STTALPH1";
  static constexpr uint64_t kHashSize = 32;
};

class Scorer {
 public:
  // `alphabet_hash` is the 32-byte digest that a file's tail is compared with; empty skips it.
  // Throws ScorerError, naming the file, where it is damaged or does not fit the alphabet.
  Scorer(const std::string& path, Labels labels, std::string_view alphabet_hash);

  const NgramModel& model() const { return *model_; }
  const Dictionary& dictionary() const { return dictionary_; }
  const Labels& labels() const { return labels_; }
  const ScorerHeader& header() const { return header_; }
  ScoredUnit unit() const { return header_.unit; }
  bool is_utf8() const { return unit() == ScoredUnit::kCodePoint; }
  // Where labels are scored: the hash (see hash_word) of what the language model calls this one.
  uint64_t label_hash(int label) const {
    const auto i = static_cast<size_t>(label);
    return i < label_hashes_.size() ? label_hashes_[i] : 0;
  }
  bool has_alphabet_hash() const { return has_alphabet_hash_; }
  // Byte of the file where the two doubles alpha and beta stand.
  uint64_t parameters_offset() const { return model_->end_offset() + 9; }
  // Up to `limit` words of the dictionary, spread over it.
  std::vector<std::string> sample_words(int limit) const;

 private:
  void read_header(std::span<const uint8_t> file);
  void read_tail(std::span<const uint8_t> file, std::string_view alphabet_hash);
  void hash_labels();
  void check_alphabet() const;

  MappedFile file_;
  Labels labels_;
  ScorerHeader header_;
  std::unique_ptr<NgramModel> model_;
  Dictionary dictionary_;
  std::vector<uint64_t> label_hashes_;
  bool has_alphabet_hash_ = false;
};

}  // namespace stt
