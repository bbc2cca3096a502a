#include "search/word_contexts.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace stt {
namespace {

constexpr double kLog10E = 0.4342944819;  // as upstream spells it
// No model's scores come near it, but damaged ones hold any number; sums of this stay finite.
constexpr float kHighestLogProb = 1000;

}  // namespace

WordContexts::WordContexts(const Scorer& scorer, const std::map<std::string, float>& hot_words)
    : model_(scorer.model()), history_(static_cast<size_t>(scorer.model().order() - 1)) {
  for (const auto& [word, boost] : hot_words) {
    hot_words_[hash_word(word)] = boost;
    largest_boost_ = std::max(largest_boost_, static_cast<double>(boost));
  }
  largest_boost_ *= model_.order();
  Entry start;
  start.state = model_.sentence_start();
  intern(start);
}

WordContexts::Scored WordContexts::score(Context context, uint64_t word_hash, bool vouched) {
  const Question question{word_hash, context, vouched};
  if (const auto found = answers_.find(question); found != answers_.end()) return found->second;

  const Entry before = entries_[context];
  Entry after;
  Scored scored;
  const WordIndex word = model_.find(word_hash);
  const bool known = word != kUnknownWord || vouched;
  if (known) {
    const auto log10_prob = static_cast<double>(model_.score(before.state, word, after.state));
    scored.log_prob = static_cast<float>(log10_prob / kLog10E);
    if (!(std::abs(scored.log_prob) <= kHighestLogProb)) scored.log_prob = kUnknownLogProb;
    after.words_since_unknown = std::min(before.words_since_unknown + 1, kMaxOrder);
  } else {
    after.words_since_unknown = 0;
  }
  if (!known || before.words_since_unknown < static_cast<int>(history_)) {
    scored.log_prob = kUnknownLogProb;
  }
  if (!hot_words_.empty()) {
    const auto hot = hot_words_.find(word_hash);
    const float boost = hot == hot_words_.end() ? 0.0f : hot->second;
    scored.boost = boost;
    for (size_t i = 0; i < history_; ++i) {
      scored.boost += before.boosts[i];
      after.boosts[i] = i == 0 ? boost : before.boosts[i - 1];
    }
  }
  scored.next = intern(after);
  answers_.emplace(question, scored);
  return scored;
}

WordContexts::Context WordContexts::intern(const Entry& entry) {
  const uint64_t key = hash(entry);
  const auto [begin, end] = by_hash_.equal_range(key);
  for (auto found = begin; found != end; ++found) {
    if (same(entries_[found->second], entry)) return found->second;
  }
  const auto context = static_cast<Context>(entries_.size());
  entries_.push_back(entry);
  by_hash_.emplace(key, context);
  return context;
}

uint64_t WordContexts::hash(const Entry& entry) const {
  uint64_t key =
      static_cast<uint64_t>(entry.state.length * (kMaxOrder + 1) + entry.words_since_unknown);
  const auto mix = [&key](uint64_t value) {
    key = (key ^ value) * 0x9e3779b97f4a7c15ULL, key ^= key >> 29;
  };
  for (int i = 0; i < entry.state.length; ++i) mix(entry.state.words[static_cast<size_t>(i)]);
  for (size_t i = 0; i < history_; ++i) mix(std::bit_cast<uint32_t>(entry.boosts[i]));
  return key;
}

bool WordContexts::same(const Entry& a, const Entry& b) const {
  return a.state.length == b.state.length && a.words_since_unknown == b.words_since_unknown &&
         std::equal(a.state.words.begin(), a.state.words.begin() + a.state.length,
                    b.state.words.begin()) &&
         std::equal(a.boosts.begin(), a.boosts.end(), b.boosts.begin());
}

void WordContexts::compact(std::span<Context> used) {
  std::vector<Entry> old;
  old.swap(entries_);
  by_hash_.clear();
  answers_.clear();
  intern(old[kStart]);
  for (Context& context : used) context = intern(old[context]);
}

}  // namespace stt
