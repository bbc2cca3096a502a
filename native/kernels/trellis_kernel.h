// The arithmetic of one frame over a CTC trellis, compiled for several instruction sets.
//
// Probabilities of whole utterances are far below what a float holds, and logarithms of them cost an
// exponential and a logarithm for each sum. So each number here is `mantissa * 2^exponent`, with the
// mantissa in [1, 2), or 0: sums and products of such are a few shifts, and round as floats do.
#pragma once

#include <cstdint>

namespace stt {

constexpr int32_t kNoExponent = -(1 << 29);     // of nothing; three of them add up within 32 bits
constexpr int32_t kLeastExponent = -(1 << 28);  // what is below is nothing
// Of a single frame's probability, so that no clip that fits into memory gets near the bounds.
constexpr int32_t kMostFrameExponent = 1 << 14;

// A row of numbers.
struct Scaled {
  float* mantissa = nullptr;
  int32_t* exponent = nullptr;
};

// One frame's states. There are `labels` labels, and a blank before each and behind the last. Both
// rows have room for one number before the first, which is nothing.
struct TrellisRow {
  Scaled blank, label;
};

struct TrellisKernel {
  // Splits exp(x) for `count` finite logarithms. Less than 2^-kMostFrameExponent is kNoExponent.
  void (*exponentiate)(const float* logs, int count, Scaled to);
  // Moves to the next frame: each state is what the states before it come to, times its probability
  // in the frame, `blank` or of `emission`. `skip_exponent` is 0 where a label may follow the label
  // before it without a blank, and kNoExponent elsewhere; `shift` is taken from all exponents.
  // Returns the highest exponent.
  int32_t (*advance)(const TrellisRow& from, int labels, Scaled emission, float blank_mantissa,
                     int32_t blank_exponent, const int32_t* skip_exponent, int32_t shift,
                     const TrellisRow& to);
  // Writes what each state has of a frame, given `ahead` for the way to it and `back` for the way
  // from the end, both with the frame's own probabilities and `back` from last to first; all of a
  // frame's are 1 together. `emission` is in the order of `back`. Returns the blanks' share.
  float (*occupy)(const TrellisRow& ahead, const TrellisRow& back, int labels, Scaled emission,
                  float blank_mantissa, int32_t blank_exponent, float* label_shares);
};

}  // namespace stt
