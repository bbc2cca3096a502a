// Append-only trees of back-pointers that share their prefixes, cleaned by compaction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace stt {

// Node 0 is the root. A parent's index is always lower than its children's, so one pass down marks
// what is reachable and one pass up moves it together.
class HistoryForest {
 public:
  using Node = uint32_t;
  static constexpr Node kRoot = 0;
  static constexpr Node kGone = UINT32_MAX;

  HistoryForest() { nodes_.push_back({kRoot, -1}); }

  Node add(Node parent, int32_t value) {
    nodes_.push_back({parent, value});
    return static_cast<Node>(nodes_.size() - 1);
  }
  Node parent(Node node) const { return nodes_[node].parent; }
  int32_t value(Node node) const { return nodes_[node].value; }
  size_t size() const { return nodes_.size(); }

  // Returns the values from the root to `node`.
  std::vector<int> path(Node node) const {
    std::vector<int> values;
    for (; node != kRoot; node = nodes_[node].parent) values.push_back(nodes_[node].value);
    return {values.rbegin(), values.rend()};
  }

  // Keeps only ancestors of marked nodes. `marks` has an entry for every node, non-zero to keep
  // it; on return it holds each node's new index, or kGone.
  void compact(std::vector<Node>& marks) {
    marks[kRoot] = 1;
    for (size_t i = nodes_.size(); i-- > 1;) {
      if (marks[i] != 0) marks[nodes_[i].parent] = 1;
    }
    Node kept = 0;
    for (size_t i = 0; i < nodes_.size(); ++i) {
      if (marks[i] == 0) {
        marks[i] = kGone;
        continue;
      }
      const Node parent = i == kRoot ? kRoot : marks[nodes_[i].parent];
      nodes_[kept] = {parent, nodes_[i].value};
      marks[i] = kept++;
    }
    nodes_.resize(kept);
  }

 private:
  struct Entry {
    Node parent;
    int32_t value;
  };
  std::vector<Entry> nodes_;
};

}  // namespace stt
