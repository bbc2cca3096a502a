#include "lm/dictionary_builder.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <unordered_map>
#include <utility>

#include "errors.h"
#include "lm/dictionary_format.h"

namespace stt {
namespace {

using Arcs = std::vector<std::pair<int32_t, int32_t>>;  // label + 1, target

struct ArcsHash {
  size_t operator()(const Arcs& arcs) const {
    uint64_t hash = arcs.size();
    for (const auto& [label, target] : arcs) {
      hash ^= (uint64_t{static_cast<uint32_t>(label)} << 32) | static_cast<uint32_t>(target);
      hash *= 0x9e3779b97f4a7c15ULL;
      hash ^= hash >> 29;
    }
    return static_cast<size_t>(hash);
  }
};

// Words come in order, so all states that the newest word left behind are complete: each is
// replaced by an equal one that is already there.
class MinimalAcceptor {
 public:
  MinimalAcceptor() { states_.emplace_back(); }  // state 0: final, without arcs

  void add(const std::vector<int>& word) {
    size_t common = 0;
    while (common < word.size() && common < path_.size() && path_[common].label == word[common])
      ++common;
    freeze(common);
    for (size_t i = common; i < word.size(); ++i) path_.push_back({word[i], {}});
  }

  // Returns the start state.
  int32_t finish() {
    freeze(0);
    return intern(std::move(root_));
  }

  const std::vector<Arcs>& states() const { return states_; }

 private:
  struct Step {
    int label;
    Arcs arcs;  // of the state that the label leads to
  };

  void freeze(size_t keep) {
    while (path_.size() > keep) {
      Step step = std::move(path_.back());
      path_.pop_back();
      Arcs& before = path_.empty() ? root_ : path_.back().arcs;
      before.emplace_back(step.label + 1, intern(std::move(step.arcs)));
    }
  }

  int32_t intern(Arcs arcs) {
    if (arcs.empty()) return 0;
    const auto [found, added] = known_.try_emplace(arcs, static_cast<int32_t>(states_.size()));
    if (added) states_.push_back(std::move(arcs));
    return found->second;
  }

  std::vector<Arcs> states_;
  std::unordered_map<Arcs, int32_t, ArcsHash> known_;
  std::vector<Step> path_;
  Arcs root_;
};

class ByteWriter {
 public:
  explicit ByteWriter(uint64_t offset) : offset_(offset) {}

  template <typename T>
  void write(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(T));
  }
  void write_string(const std::string& text) {
    write(static_cast<int32_t>(text.size()));
    bytes_ += text;
  }
  void align(uint64_t to) {
    while ((offset_ + bytes_.size()) % to != 0) bytes_ += '\0';
  }
  std::string take() { return std::move(bytes_); }

 private:
  uint64_t offset_;
  std::string bytes_;
};

// What OpenFst believes of the acceptor: expanded, deterministic, acyclic, unweighted, without
// epsilons, sorted arcs, every state on a way to the end.
constexpr uint64_t kProperties = 0x852a'5a95'0001;
constexpr uint64_t kTopologicallySorted = uint64_t{0x40} << 32,
                   kNotTopologicallySorted = uint64_t{0x80} << 32;
constexpr uint64_t kIsString = uint64_t{0x1000} << 32, kIsNoString = uint64_t{0x2000} << 32;

}  // namespace

std::string build_dictionary(std::vector<std::vector<int>> words, uint64_t offset) {
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  if (words.empty()) throw ScorerError("the dictionary has no words");
  if (words.front().empty()) throw ScorerError("the dictionary has an empty word");
  for (size_t i = 1; i < words.size(); ++i) {
    const auto& shorter = words[i - 1];
    if (shorter.size() >= words[i].size() ||
        !std::equal(shorter.begin(), shorter.end(), words[i].begin()))
      continue;
    throw ScorerError(
        "a word of the dictionary is the beginning of another; words need an end mark");
  }
  MinimalAcceptor acceptor;
  for (const auto& word : words) acceptor.add(word);
  const int32_t start = acceptor.finish();
  const auto& states = acceptor.states();
  uint64_t arc_count = 0;
  for (const auto& arcs : states) arc_count += arcs.size();
  if (arc_count > std::numeric_limits<int32_t>::max())
    throw ScorerError("the dictionary is too large");

  // The start comes first, then the others as they are reached; files are the same for any order.
  std::vector<int32_t> order{start}, number(states.size(), -1);
  number[static_cast<size_t>(start)] = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    for (const auto& [label, target] : states[static_cast<size_t>(order[i])]) {
      if (number[static_cast<size_t>(target)] >= 0) continue;
      number[static_cast<size_t>(target)] = static_cast<int32_t>(order.size());
      order.push_back(target);
    }
  }

  bool sorted = true, is_string = true;
  for (const int32_t state : order) {
    const auto& arcs = states[static_cast<size_t>(state)];
    is_string &= arcs.size() <= 1;
    for (const auto& [label, target] : arcs) {
      sorted &= number[static_cast<size_t>(target)] > number[static_cast<size_t>(state)];
    }
  }

  ByteWriter writer(offset);
  writer.write(fst::kMagic);
  writer.write_string("const");
  writer.write_string("standard");
  writer.write(fst::kAlignedVersion);
  writer.write(fst::kIsAligned);
  writer.write(kProperties | (sorted ? kTopologicallySorted : kNotTopologicallySorted) |
               (is_string ? kIsString : kIsNoString));
  writer.write(int64_t{0});
  writer.write(static_cast<int64_t>(order.size()));
  writer.write(static_cast<int64_t>(arc_count));
  writer.align(fst::kAlignment);
  uint32_t first_arc = 0;
  for (const int32_t state : order) {
    const auto arcs = static_cast<uint32_t>(states[static_cast<size_t>(state)].size());
    writer.write(arcs == 0 ? 0.0f : std::numeric_limits<float>::infinity());
    writer.write(first_arc);
    writer.write(arcs);
    writer.write(uint32_t{0});  // input epsilons
    writer.write(uint32_t{0});  // output epsilons
    first_arc += arcs;
  }
  writer.align(fst::kAlignment);
  for (const int32_t state : order) {
    for (const auto& [label, target] : states[static_cast<size_t>(state)]) {
      writer.write(label);
      writer.write(label);
      writer.write(0.0f);
      writer.write(number[static_cast<size_t>(target)]);
    }
  }
  return writer.take();
}

}  // namespace stt
