#include "search/hot_phrases.h"

#include <algorithm>
#include <cmath>
#include <queue>

namespace stt {

HotPhrases::HotPhrases(const std::vector<Phrase>& phrases, int space) : space_(space) {
  nodes_.emplace_back();
  for (const Phrase& phrase : phrases) {
    std::vector<int> labels = phrase.labels;
    if (space_ >= 0) {
      labels.insert(labels.begin(), space_);
      labels.push_back(space_);
    }
    State state = 0;
    for (size_t i = 0; i < labels.size(); ++i) {
      State next = child(state, labels[i]);
      if (next == 0) {
        next = static_cast<State>(nodes_.size());
        nodes_[static_cast<size_t>(state)].children[labels[i]] = next;
        nodes_.emplace_back();
        nodes_.back().depth = static_cast<int>(i) + 1;
      }
      state = next;
      const size_t skipped = space_ >= 0 ? 1 : 0;  // the space before the phrase earns nothing
      if (i + 1 == labels.size() || i < skipped) continue;
      const float loan = phrase.boost * static_cast<float>(i + 1 - skipped) /
                         static_cast<float>(labels.size() - skipped);
      Node& node = nodes_[static_cast<size_t>(state)];
      if (std::abs(loan) > std::abs(node.loan)) node.loan = loan;
    }
    nodes_[static_cast<size_t>(state)].reward += phrase.boost;
  }
  std::queue<State> pending;
  pending.push(0);
  while (!pending.empty()) {
    const State state = pending.front();
    pending.pop();
    for (const auto& [label, next] : nodes_[static_cast<size_t>(state)].children) {
      Node& node = nodes_[static_cast<size_t>(next)];
      node.fail = state == 0 ? 0 : walk(nodes_[static_cast<size_t>(state)].fail, label);
      node.reward += nodes_[static_cast<size_t>(node.fail)].reward;
      pending.push(next);
    }
  }
  if (space_ >= 0) start_ = walk(0, space_);
  // A step goes to a node at most one deeper than before, from a loan that was at least the lowest.
  float highest = 0, lowest = 0;
  for (const Node& node : nodes_) {
    highest = std::max(highest, node.loan + node.reward);
    lowest = std::min(lowest, node.loan);
  }
  largest_bonus_ = highest - lowest;
}

HotPhrases::State HotPhrases::child(State state, int label) const {
  const auto& children = nodes_[static_cast<size_t>(state)].children;
  const auto found = children.find(label);
  return found == children.end() ? 0 : found->second;
}

HotPhrases::State HotPhrases::walk(State state, int label) const {
  for (;;) {
    const State next = child(state, label);
    if (next != 0) return next;
    if (state == 0) return 0;
    state = nodes_[static_cast<size_t>(state)].fail;
  }
}

HotPhrases::State HotPhrases::next(State state, int label, float& bonus) const {
  const State next = walk(state, label);
  const Node& to = nodes_[static_cast<size_t>(next)];
  bonus = to.reward + to.loan - nodes_[static_cast<size_t>(state)].loan;
  return next;
}

float HotPhrases::finish(State state) const {
  const float loan = nodes_[static_cast<size_t>(state)].loan;
  if (space_ < 0) return -loan;
  return nodes_[static_cast<size_t>(walk(state, space_))].reward - loan;
}

bool HotPhrases::continues(State state, int label) const {
  // Every word-aligned match covers at least the word being spelled; depth 1 is a mere space.
  const int covered = space_ >= 0 ? 2 : 1;
  return nodes_[static_cast<size_t>(walk(state, label))].depth >= covered;
}

}  // namespace stt
