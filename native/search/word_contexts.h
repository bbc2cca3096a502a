// The part of a prefix's history that determines the score of its next word.
//
// Many prefixes of a beam share their last words. They share one context, and the score of a word
// after a context is computed once. In UTF-8 mode the "words" are code points.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "lm/scorer.h"

namespace stt {

class WordContexts {
 public:
  using Context = uint32_t;
  static constexpr Context kStart = 0;

  struct Scored {
    float log_prob = 0;  // natural logarithm; kUnknownLogProb where a word is not in the model
    float boost = 0;     // of the hot words among the last words, this one included
    Context next = kStart;
  };
  // Upstream's score of an n-gram with a word that the model lacks.
  static constexpr float kUnknownLogProb = -1000.0f;

  WordContexts(const Scorer& scorer, const std::map<std::string, float>& hot_words);

  // Scores the word with this hash. A `vouched` word may be missing from the language model: it is
  // scored as the model's unknown word.
  Scored score(Context context, uint64_t word_hash, bool vouched);
  double largest_boost() const { return largest_boost_; }

  size_t size() const { return entries_.size(); }
  // Keeps only the contexts in `used`, and replaces each by its new number.
  void compact(std::span<Context> used);

 private:
  struct Entry {
    NgramState state;
    int words_since_unknown = kMaxOrder;
    std::array<float, kMaxOrder - 1> boosts{};  // of the last words, newest first
  };
  struct Question {
    uint64_t word_hash;
    Context context;
    bool vouched;
    bool operator==(const Question&) const = default;
  };
  struct QuestionHash {
    size_t operator()(const Question& question) const {
      return static_cast<size_t>((question.word_hash ^ question.context) * 0x9e3779b97f4a7c15ULL);
    }
  };
  Context intern(const Entry& entry);
  uint64_t hash(const Entry& entry) const;
  bool same(const Entry& a, const Entry& b) const;

  const NgramModel& model_;
  size_t history_;  // number of previous words that the model uses
  std::unordered_map<uint64_t, float> hot_words_;
  double largest_boost_ = 0;
  std::vector<Entry> entries_;
  std::unordered_multimap<uint64_t, Context> by_hash_;
  std::unordered_map<Question, Scored, QuestionHash> answers_;
};

}  // namespace stt
