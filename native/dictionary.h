// The words a scorer allows: an acceptor in OpenFst's ConstFst<StdArc> format, read in place.
#pragma once

#include <cstdint>
#include <span>

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
    for (uint64_t i = arcs.begin; i < arcs.end; ++i) visit(label_of(i) - 1, target_of(i));
  }
  bool is_final(State state) const;
  uint64_t states() const { return state_count_; }
  uint64_t arcs() const { return arc_count_; }
  uint64_t end_offset() const { return end_offset_; }

 private:
  struct Arcs {
    uint64_t begin, end;
  };
  Arcs arcs_of(State state) const;
  int label_of(uint64_t arc) const;
  State target_of(uint64_t arc) const;

  const uint8_t* states_ = nullptr;
  const uint8_t* arcs_ = nullptr;
  uint64_t state_count_ = 0, arc_count_ = 0, end_offset_ = 0;
  State start_ = kNone;
};

}  // namespace stt
