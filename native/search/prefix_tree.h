// The label sequences that a beam search holds or has held, each under one stable number.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "search/history_forest.h"

namespace stt {

// A history forest with a hash table of children by label. A prefix that leaves the beam and comes
// back gets the same node, so its descendants are linked to it again.
class PrefixTree {
 public:
  using Node = HistoryForest::Node;

  PrefixTree() { rebuild(); }

  const HistoryForest& forest() const { return forest_; }
  size_t size() const { return forest_.size(); }
  int32_t slot(Node node) const { return slots_[node]; }
  void set_slot(Node node, int32_t slot) { slots_[node] = slot; }

  // Returns the child of `parent` with this label, or kGone.
  Node find(Node parent, int32_t label) const {
    for (size_t i = hash(parent, label);; i = (i + 1) & mask_) {
      const Node node = table_[i];
      if (node == HistoryForest::kGone) return node;
      if (forest_.parent(node) == parent && forest_.value(node) == label) return node;
    }
  }

  // Returns the child of `parent` with this label; adds it if it is missing.
  Node find_or_add(Node parent, int32_t label) {
    if (2 * (forest_.size() + 1) > table_.size()) rebuild();
    size_t i = hash(parent, label);
    for (; table_[i] != HistoryForest::kGone; i = (i + 1) & mask_) {
      const Node node = table_[i];
      if (forest_.parent(node) == parent && forest_.value(node) == label) return node;
    }
    const Node node = forest_.add(parent, label);
    slots_.push_back(0);
    children_.push_back(0);
    children_[parent] |= bit(label);
    table_[i] = node;
    return node;
  }
  // Calls `visit(child)` for each child of this prefix, in the beam or not. Labels are below
  // `labels`.
  template <typename Visit>
  void for_each_child(Node node, int32_t labels, Visit visit) const {
    for (uint64_t bits = children_[node]; bits != 0; bits &= bits - 1) {
      for (int32_t label = std::countr_zero(bits); label < labels; label += 64) {
        const Node child = find(node, label);
        if (child != HistoryForest::kGone) visit(child);
      }
    }
  }

  // Drops nodes that are not in a slot and have no descendant in one. Returns new indices by old.
  std::vector<Node> compact() {
    std::vector<Node> marks(forest_.size());
    for (size_t i = 0; i < marks.size(); ++i) marks[i] = slots_[i] != 0 ? 1 : 0;
    forest_.compact(marks);
    for (size_t i = 0; i < marks.size(); ++i) {
      if (marks[i] != HistoryForest::kGone) slots_[marks[i]] = slots_[i];
    }
    slots_.resize(forest_.size());
    children_.assign(forest_.size(), 0);
    for (Node node = 1; node < forest_.size(); ++node) {
      children_[forest_.parent(node)] |= bit(forest_.value(node));
    }
    rebuild();
    return marks;
  }

 private:
  static uint64_t bit(int32_t label) { return uint64_t{1} << (label & 63); }
  size_t hash(Node parent, int32_t label) const {
    const uint64_t key = (uint64_t{parent} << 32) | static_cast<uint32_t>(label);
    return static_cast<size_t>((key * 0x9e3779b97f4a7c15ULL) >> 32) & mask_;
  }
  void rebuild() {
    const size_t size = std::bit_ceil(4 * (forest_.size() + 256));
    table_.assign(size, HistoryForest::kGone);
    mask_ = size - 1;
    for (Node node = 1; node < forest_.size(); ++node) {
      size_t i = hash(forest_.parent(node), forest_.value(node));
      while (table_[i] != HistoryForest::kGone) i = (i + 1) & mask_;
      table_[i] = node;
    }
  }

  HistoryForest forest_;
  std::vector<int32_t> slots_{0};      // slot of each node; 0: not in the beam
  std::vector<uint64_t> children_{0};  // bit l: has a child whose label modulo 64 is l
  std::vector<Node> table_;
  size_t mask_ = 0;
};

}  // namespace stt
