// The arithmetic of one frame over all prefixes, compiled for several instruction sets.
#pragma once

#include <cstdint>
#include <span>

namespace stt {

struct TrellisKernel;

// "log 0": far below any score, yet finite, so that sums and differences of it stay finite.
constexpr float kLogZero = -1e30f;
// A score at or below this means that no path reaches the prefix.
constexpr float kDead = -1e29f;

// Slot 0 stands for "no parent": all its scores are kLogZero. Prefixes are in slots 1..count.
struct SlotView {
  int count = 0;
  // Before the frame: log probabilities of ending in blank, in the label, and of either.
  const float* blank = nullptr;
  const float* label_end = nullptr;
  const float* score = nullptr;
  const float* bonus = nullptr;      // added to the score of the step to this prefix
  const int32_t* label = nullptr;    // last label; the number of classes for the empty prefix
  const int32_t* parent = nullptr;   // slot of the prefix without its last label
  const int32_t* repeats = nullptr;  // whether the parent ends in the same label
  // After the frame.
  float* next_blank = nullptr;
  float* next_label_end = nullptr;
  float* next_score = nullptr;
  int32_t* moved = nullptr;  // whether the label's best alignment now is in this frame
  // Scratch, as long as the slots.
  float* emission = nullptr;
  float* blank_rival = nullptr;
  float* parent_score = nullptr;
  float* parent_base = nullptr;
};

struct FrameView {
  // By class, with one more entry of kLogZero for the empty prefix's "label".
  const float* log_probs = nullptr;
  // By class: the blank's log probability where it is seen after the class, else kLogZero.
  const float* blank_rival = nullptr;
  float blank = 0;       // log probability of the blank
  float min_cutoff = 0;  // repeats and steps that score less, without bonus, are not taken
};

// Leads over the floor are told apart in steps of 1/kLeadsPerNat.
constexpr float kLeadsPerNat = 4;
constexpr int kLeads = 512;

struct FrameKernel {
  const char* name;
  // Moves all prefixes over the frame by blanks, repeats and steps from their parents.
  void (*advance)(const FrameView& frame, const SlotView& slots);
  // Writes the indices in 1..count whose value is at least `floor`; returns how many.
  int (*collect_at_least)(const float* values, int count, float floor, int32_t* indices);
  // Writes to `steps` a bit mask of the classes that may extend each slot in 1..count: the bits of
  // `open` that the slot's lead over `floor` affords. Writes the slots that have any to `indices`;
  // returns how many.
  int (*collect_steps)(const float* scores, const uint64_t* open, int count, float floor,
                       const uint64_t* affordable, uint64_t* steps, int32_t* indices);
  // Finds the extremes of values[1..count]; count is at least 1.
  void (*extremes)(const float* values, int count, float* lowest, float* highest);
  // Takes logarithms the way upstream does: log(p + FLT_MIN).
  void (*take_logs)(const float* probs, int count, float* logs);
  const TrellisKernel* trellis;  // the arithmetic of the CTC loss, for the same instruction set
};

// The kernels that this processor runs, fastest first.
std::span<const FrameKernel* const> frame_kernels();
// The fastest of them, or the one chosen below.
const FrameKernel& frame_kernel();
// Sets the kernel of all later searches, so that kernels that newer processors do not use can be
// tested and measured.
void use_frame_kernel(const FrameKernel& kernel);

}  // namespace stt
