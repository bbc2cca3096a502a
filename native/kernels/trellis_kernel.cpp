// Plain loops, written so that the compiler vectorises them; see CMakeLists.txt for the flags.

#include "kernels/trellis_kernel.h"

#include <algorithm>
#include <bit>
#include <cstdint>

#include "kernels/vectorize.h"

#ifndef STT_KERNEL
#define STT_KERNEL baseline
#endif

namespace stt::STT_KERNEL {
namespace {

constexpr int kMantissaBits = 23;
constexpr int32_t kBias = 127;
constexpr int32_t kMantissaMask = (1 << kMantissaBits) - 1;

inline int32_t higher(int32_t a, int32_t b) { return a > b ? a : b; }

// 2^x for x <= 0, and 0 where a float has no such.
inline float power_of_two(int32_t x) {
  return std::bit_cast<float>(higher(x + kBias, 0) << kMantissaBits);
}

// Brings a mantissa back to [1, 2), and what is too small to nothing.
inline void store(float mantissa, int32_t exponent, float* to_mantissa, int32_t* to_exponent) {
  const auto bits = std::bit_cast<int32_t>(mantissa);
  const int32_t whole = exponent + (bits >> kMantissaBits) - kBias;
  const float fraction = std::bit_cast<float>((bits & kMantissaMask) | (kBias << kMantissaBits));
  const bool is_some = whole >= kLeastExponent;
  *to_mantissa = is_some ? fraction : 0.0f;
  *to_exponent = is_some ? whole : kNoExponent;
}

void exponentiate(const float* logs, int count, Scaled to) {
  constexpr double kLog2E = 1.4426950408889634;
  constexpr double kBound = kMostFrameExponent;
  STT_VECTORIZE
  for (int i = 0; i < count; ++i) {
    double x = static_cast<double>(logs[i]) * kLog2E;
    x = x < -2 * kBound ? -2 * kBound : x;
    x = x > kBound ? kBound : x;
    const auto above = static_cast<int32_t>(x + 2 * kBound + 0.5);  // rounded, since it is positive
    const int32_t whole = above - 2 * kMostFrameExponent;
    const auto f = static_cast<float>(x - static_cast<double>(whole));  // in [-1/2, 1/2]
    // 2^f, its Taylor series: relative error 4e-8.
    const float power =
        1.0f +
        f * (0.693147181f +
             f * (0.240226507f +
                  f * (0.0555041087f +
                       f * (0.00961812911f + f * (0.00133335581f + f * 0.000154035304f)))));
    const auto bits = std::bit_cast<int32_t>(power);
    const int32_t exponent = whole + (bits >> kMantissaBits) - kBias;
    to.mantissa[i] = std::bit_cast<float>((bits & kMantissaMask) | (kBias << kMantissaBits));
    to.exponent[i] = exponent < -kMostFrameExponent ? kNoExponent : exponent;
  }
}

int32_t advance(const TrellisRow& from, int labels, Scaled emission, float blank_mantissa,
                int32_t blank_exponent, const int32_t* skip_exponent, int32_t shift,
                const TrellisRow& to) {
  int32_t highest = kNoExponent;
  STT_VECTORIZE
  for (int i = 0; i < labels; ++i) {
    const int32_t stay = from.label.exponent[i], step = from.blank.exponent[i];
    const int32_t skip = from.label.exponent[i - 1] + skip_exponent[i];
    const int32_t top = higher(higher(stay, step), skip);
    const float sum = from.label.mantissa[i] * power_of_two(stay - top) +
                      from.blank.mantissa[i] * power_of_two(step - top) +
                      from.label.mantissa[i - 1] * power_of_two(skip - top);
    store(sum * emission.mantissa[i], top + emission.exponent[i] - shift, &to.label.mantissa[i],
          &to.label.exponent[i]);
    highest = higher(highest, to.label.exponent[i]);
  }
  STT_VECTORIZE
  for (int i = 0; i <= labels; ++i) {
    const int32_t stay = from.blank.exponent[i], step = from.label.exponent[i - 1];
    const int32_t top = higher(stay, step);
    const float sum = from.blank.mantissa[i] * power_of_two(stay - top) +
                      from.label.mantissa[i - 1] * power_of_two(step - top);
    store(sum * blank_mantissa, top + blank_exponent - shift, &to.blank.mantissa[i],
          &to.blank.exponent[i]);
    highest = higher(highest, to.blank.exponent[i]);
  }
  return highest;
}

float occupy(const TrellisRow& ahead, const TrellisRow& back, int labels, Scaled emission,
             float blank_mantissa, int32_t blank_exponent, float* label_shares) {
  int32_t top = 2 * kNoExponent;
  STT_VECTORIZE
  for (int i = 0; i < labels; ++i) {
    const int j = labels - 1 - i;
    top = higher(top, ahead.label.exponent[i] + back.label.exponent[j] - emission.exponent[j]);
  }
  STT_VECTORIZE
  for (int i = 0; i <= labels; ++i) {
    top = higher(top, ahead.blank.exponent[i] + back.blank.exponent[labels - i] - blank_exponent);
  }
  float of_labels = 0, of_blanks = 0;
  STT_VECTORIZE
  for (int i = 0; i < labels; ++i) {
    const int j = labels - 1 - i;
    const int32_t exponent =
        ahead.label.exponent[i] + back.label.exponent[j] - emission.exponent[j];
    label_shares[i] = ahead.label.mantissa[i] * back.label.mantissa[j] / emission.mantissa[j] *
                      power_of_two(exponent - top);
    of_labels += label_shares[i];
  }
  STT_VECTORIZE
  for (int i = 0; i <= labels; ++i) {
    const int j = labels - i;
    const int32_t exponent = ahead.blank.exponent[i] + back.blank.exponent[j] - blank_exponent;
    of_blanks += ahead.blank.mantissa[i] * back.blank.mantissa[j] / blank_mantissa *
                 power_of_two(exponent - top);
  }
  const float scale = 1.0f / (of_labels + of_blanks);
  STT_VECTORIZE
  for (int i = 0; i < labels; ++i) label_shares[i] *= scale;
  return of_blanks * scale;
}

}  // namespace

extern const TrellisKernel trellis_kernel;
const TrellisKernel trellis_kernel = {exponentiate, advance, occupy};

}  // namespace stt::STT_KERNEL
