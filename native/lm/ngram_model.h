// Back-off n-gram language models in KenLM's binary trie format, read in place from mapped memory.
//
// Layout: Heafield, "KenLM: Faster and Smaller Language Model Queries", 2011, format version 5.
// The trie is keyed newest word first; scores are log10. All four trie variants are read (plain,
// quantised, Bhiksha-compressed pointers, both). Nothing is copied but the header.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace stt {

using WordIndex = uint32_t;
constexpr WordIndex kUnknownWord = 0;
constexpr int kMaxOrder = 10;

uint64_t hash_word(std::string_view word);

// The words that decide the probability of the next one, newest first, with their back-offs.
struct NgramState {
  int length = 0;
  std::array<WordIndex, kMaxOrder - 1> words{};
  std::array<float, kMaxOrder - 1> backoffs{};
};

class NgramModel {
 public:
  // `file` must outlive the model. Throws ScorerError where it is no such model.
  explicit NgramModel(std::span<const uint8_t> file);

  int order() const { return static_cast<int>(counts_.size()); }
  uint64_t words() const { return counts_[0]; }
  // Bytes the model takes at the start of the file.
  uint64_t end_offset() const { return end_offset_; }
  WordIndex find(uint64_t word_hash) const;
  WordIndex find(std::string_view word) const { return find(hash_word(word)); }
  NgramState sentence_start() const;
  // Returns log10 P(word | state) and sets `next` to the state after it.
  float score(const NgramState& state, WordIndex word, NgramState& next) const;

 private:
  struct Range {
    uint64_t begin = 0, end = 0;
    bool empty() const { return begin >= end; }
  };
  // One order's bit-packed records above unigrams: word | back-off and probability | next.
  struct Level {
    const uint8_t* records = nullptr;
    uint64_t count = 0;
    int word_bits = 0, weight_bits = 0, next_bits = 0, record_bits = 0;
    const uint8_t* probs = nullptr;  // quantisation tables; null where not quantised
    const uint8_t* backoffs = nullptr;
    int prob_bits = 0, backoff_bits = 0;
    const uint8_t* high_offsets = nullptr;  // Bhiksha: first record of each high part of `next`
    uint64_t high_count = 0;
    uint64_t child_count = 0;

    uint64_t bits(uint64_t record, int offset, int width) const;
    bool find(WordIndex word, Range range, uint64_t& record) const;
    float prob(uint64_t record, bool longest) const;
    float backoff(uint64_t record) const;
    uint64_t high_part(uint64_t record) const;
    Range children(uint64_t record) const;
  };

  void lay_out(std::span<const uint8_t> file, uint64_t offset, uint32_t model_type);
  Range unigram_children(WordIndex word) const;

  std::vector<uint64_t> counts_;
  const uint8_t* vocabulary_ = nullptr;
  uint64_t vocabulary_count_ = 0;
  const uint8_t* unigrams_ = nullptr;
  std::vector<Level> levels_;  // orders 2..N
  uint64_t end_offset_ = 0;
};

}  // namespace stt
