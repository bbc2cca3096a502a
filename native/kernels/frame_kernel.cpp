// Plain loops, written so that the compiler vectorises them; see CMakeLists.txt for the flags.

#include "kernels/frame_kernel.h"

#include <bit>
#include <cstdint>
#include <limits>

#include "kernels/trellis_kernel.h"
#include "kernels/vectorize.h"

#ifndef STT_KERNEL
#define STT_KERNEL baseline
#endif

namespace stt::STT_KERNEL {
namespace {

// exp(x) for x <= 0: 2^k times a polynomial for the fraction; absolute error 2e-7.
inline float exp_negative(float x) {
  constexpr float kLog2E = 1.44269504f;
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  const float t = (x > -87.0f ? x : -87.0f) * kLog2E;
  const float shifted = t + kRound;
  const float f = t - (shifted - kRound);
  const float power =
      1.0f + f * (0.69314718f +
                  f * (0.24022107f + f * (0.05550327f + f * (0.00967604f + f * 0.00134004f))));
  const auto exponent = std::bit_cast<int32_t>(shifted) << 23;
  return std::bit_cast<float>(std::bit_cast<int32_t>(power) + exponent);
}

// log(1 + x) for 0 <= x <= 1; absolute error 2e-7.
inline float log1p_unit(float x) {
  float series = 0.0052534579f;
  series = series * x - 0.0295885075f;
  series = series * x + 0.0783616677f;
  series = series * x - 0.1367477030f;
  series = series * x + 0.1911143065f;
  series = series * x - 0.2484436929f;
  series = series * x + 0.3331927061f;
  series = series * x - 0.4999950230f;
  return x * (series * x + 1.0f);
}

// log(exp(a) + exp(b)).
inline float add_logs(float a, float b) {
  const float high = a > b ? a : b;
  const float low = a > b ? b : a;
  return high + log1p_unit(exp_negative(low - high));
}

void advance(const FrameView& frame, const SlotView& slots) {
  const int end = slots.count + 1;
  STT_VECTORIZE
  for (int i = 1; i < end; ++i) {
    const int32_t label = slots.label[i], parent = slots.parent[i];
    slots.emission[i] = frame.log_probs[label];
    slots.blank_rival[i] = frame.blank_rival[label];
    const float score = slots.score[parent], blank = slots.blank[parent];
    slots.parent_score[i] = score;
    // A label that repeats its parent's needs a blank between the two.
    slots.parent_base[i] = slots.repeats[i] != 0 ? blank : score;
  }
  const float blank = frame.blank, min_cutoff = frame.min_cutoff;
  STT_VECTORIZE
  for (int i = 1; i < end; ++i) {
    const float score = slots.score[i], emission = slots.emission[i];
    const float repeat = emission + slots.label_end[i];
    const float step = emission + slots.parent_base[i] + slots.bonus[i];
    const float by_blank = blank + score;
    const float by_repeat = emission + score < min_cutoff ? kLogZero : repeat;
    const float by_step = emission + slots.parent_score[i] < min_cutoff ? kLogZero : step;
    const float by_label = add_logs(by_repeat, by_step);
    slots.next_blank[i] = by_blank;
    slots.next_label_end[i] = by_label;
    slots.next_score[i] = add_logs(by_blank, by_label);
    // Written as differences, since compilers stumble over vectors of booleans.
    const float lead_over_repeat = by_step - (by_repeat > kDead ? by_repeat : kDead);
    const float lead_over_blank = by_label - (slots.blank_rival[i] + score);
    const float lead = lead_over_blank >= 0.0f ? lead_over_repeat : 0.0f;
    slots.moved[i] = lead > 0.0f ? 1 : 0;
  }
}

int collect_at_least(const float* values, int count, float floor, int32_t* indices) {
  int found = 0;
  for (int i = 1; i <= count; ++i) {
    indices[found] = i;
    found += values[i] >= floor ? 1 : 0;
  }
  return found;
}

int collect_steps(const float* scores, const uint64_t* open, int count, float floor,
                  const uint64_t* affordable, uint64_t* steps, int32_t* indices) {
  STT_VECTORIZE
  for (int i = 1; i <= count; ++i) {
    float lead = (scores[i] - floor) * kLeadsPerNat + 1.0f;
    lead = lead < 0.0f ? 0.0f : lead;
    lead = lead > kLeads - 1 ? kLeads - 1 : lead;
    steps[i] = affordable[static_cast<int32_t>(lead)] & open[i];
  }
  int found = 0;
  for (int i = 1; i <= count; ++i) {
    indices[found] = i;
    found += steps[i] != 0 ? 1 : 0;
  }
  return found;
}

void extremes(const float* values, int count, float* lowest, float* highest) {
  float low = values[1], high = values[1];
  for (int i = 2; i <= count; ++i) {
    low = values[i] < low ? values[i] : low;
    high = values[i] > high ? values[i] : high;
  }
  *lowest = low;
  *highest = high;
}

void take_logs(const float* probs, int count, float* logs) {
  // log(m * 2^e) with m in [sqrt(1/2), sqrt(2)): e log 2 + log m, by the series of atanh.
  constexpr float kLog2 = 0.693147181f;
  STT_VECTORIZE
  for (int i = 0; i < count; ++i) {
    const float x = probs[i] + std::numeric_limits<float>::min();
    const int32_t bits = std::bit_cast<int32_t>(x) - 0x3f3504f3;
    const float exponent = static_cast<float>(bits >> 23);
    const float mantissa = std::bit_cast<float>((bits & 0x007fffff) + 0x3f3504f3);
    const float s = (mantissa - 1.0f) / (mantissa + 1.0f);
    const float q = s * s;
    const float series =
        2.0f * s * (1.0f + q * (0.33333333f + q * (0.2f + q * (0.14285714f + q * 0.11111111f))));
    logs[i] = exponent * kLog2 + series;
  }
}

}  // namespace

extern const TrellisKernel trellis_kernel;
extern const FrameKernel kernel;
const FrameKernel kernel = {STT_KERNEL_NAME, advance,   collect_at_least, collect_steps,
                            extremes,        take_logs, &trellis_kernel};

}  // namespace stt::STT_KERNEL
