// The words a scorer allows: an acceptor in OpenFst's ConstFst<StdArc> format, read in place.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>

#include "lm/byte_reader.h"
#include "lm/dictionary_format.h"

namespace stt {

// Arc labels are alphabet labels plus one; zero would be epsilon, which no dictionary has.
class Dictionary {
 public:
  using State = int32_t;
  static constexpr State kNone = -1;

  Dictionary() = default;
  // Reads the acceptor that starts at byte `offset` of `file`, which must outlive it.
  // Throws ScorerError where there is none. Arcs are checked when they are walked, not here.
  Dictionary(std::span<const uint8_t> file, uint64_t offset);

  State start() const { return start_; }
  // The state after `label` (of the alphabet), or kNone. A finished word leads back to the start.
  State next(State state, int label) const;
  // Calls `visit(label, next)` for each arc of `state`; `next` is kNone where the file is damaged.
  template <typename Visit>
  void for_each_arc(State state, Visit visit) const {
    const Arcs arcs = arcs_of(state);
    for (uint64_t i = arcs.begin; i < arcs.end; ++i) visit(label_of(i), target_of(i));
  }
  // The labels below 64 that `state` has arcs for, as bits.
  uint64_t label_bits(State state) const {
    const Arcs arcs = arcs_of(state);
    uint64_t bits = 0;
    for (uint64_t i = arcs.begin; i < arcs.end; ++i) {
      const auto label = static_cast<uint32_t>(label_of(i));
      if (label < 64) bits |= uint64_t{1} << label;
    }
    return bits;
  }
  uint64_t states() const { return state_count_; }
  uint64_t arcs() const { return arc_count_; }
  uint64_t end_offset() const { return end_offset_; }

 private:
  struct Arcs {
    uint64_t begin, end;
  };
  Arcs arcs_of(State state) const {
    const uint8_t* record = states_ + static_cast<uint64_t>(state) * fst::kStateSize;
    const uint64_t begin = std::min<uint64_t>(load<uint32_t>(record + 4), arc_count_);
    return {begin, std::min<uint64_t>(begin + load<uint32_t>(record + 8), arc_count_)};
  }
  int label_of(uint64_t arc) const {
    // Damaged files may hold any number; the subtraction must not overflow.
    return static_cast<int>(load<uint32_t>(arcs_ + arc * fst::kArcSize) - 1U);
  }
  State target_of(uint64_t arc) const {
    const auto target = load<uint32_t>(arcs_ + arc * fst::kArcSize + 12);
    if (target >= state_count_) return kNone;
    const auto state = static_cast<State>(target);
    return is_final(state) ? start_ : state;
  }
  bool is_final(State state) const {
    return load<float>(states_ + static_cast<uint64_t>(state) * fst::kStateSize) !=
           std::numeric_limits<float>::infinity();
  }

  const uint8_t* states_ = nullptr;
  const uint8_t* arcs_ = nullptr;
  uint64_t state_count_ = 0, arc_count_ = 0, end_offset_ = 0;
  State start_ = kNone;
};

}  // namespace stt
