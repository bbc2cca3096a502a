// The arithmetic of int8 products, once for each instruction set.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "products/int8_matrix.h"

namespace stt {

struct Int8Kernel {
  // Rounds a row to whole numbers from -127 to 127, halves away from zero, adds `x_offset` to each,
  // and returns its scale, which holds `peak` too: NaN where the row is not finite throughout, so
  // that it shows in the result.
  using Quantize = float (*)(const float* x, int64_t size, float peak, uint8_t* quantized);
  // sums[n, r] = sum over c of weights[r, c] * x[n, c], for a tile of `groups` groups of columns and
  // `count` rows of x, 1 to `kMostRows`, which lie `x_stride` apart.
  using MultiplyTile = void (*)(const int8_t* weights, int64_t groups, const uint8_t* x,
                                int64_t x_stride, int count, int32_t* sums);

  // out[r] = bias[r] + scale * (sums[r] - x_offset * row_sums[r] + addends[r]), for `size` rows of
  // weights; `addends` and `bias` may be null.
  using Scale = void (*)(const int32_t* sums, const int32_t* row_sums, const int32_t* addends,
                         const float* bias, float scale, int64_t size, float* out);

  static constexpr int kMostRows = 6;

  const char* name;
  uint8_t x_offset;  // 128 where x is unsigned, else 0
  Quantize quantize;
  MultiplyTile multiply_tile;
  Scale scale;
};

// What this processor runs, fastest first.
std::vector<Int8Kernel> int8_kernel_list();
// Add those of one kind of processors, where this is one.
void add_x86_kernels(std::vector<Int8Kernel>& list);
void add_arm_kernels(std::vector<Int8Kernel>& list);

constexpr int64_t kGroupSize = Int8Matrix::kTileRows * Int8Matrix::kGroupColumns;

// A group of columns of a row of x, as it lies in memory.
inline int32_t four_values(const uint8_t* x) {
  int32_t values;
  std::memcpy(&values, x, sizeof(values));
  return values;
}

// What follows is to be made part of functions for one instruction set.

// The largest absolute value of x and `least`; NaN where one is. Without their signs, floats are in
// the order of their bits; infinity and NaN come last.
[[gnu::always_inline]] inline float largest_magnitude(const float* x, int64_t size, float least) {
  int32_t bits = std::bit_cast<int32_t>(least) & 0x7fffffff;
  for (int64_t i = 0; i < size; ++i) {
    bits = std::max(bits, std::bit_cast<int32_t>(x[i]) & 0x7fffffff);
  }
  return std::bit_cast<float>(bits);
}

// See Int8Kernel::Quantize.
template <uint8_t Offset>
[[gnu::always_inline]] inline float quantize_row(const float* x, int64_t size, float peak,
                                                 uint8_t* quantized) {
  const float largest = largest_magnitude(x, size, peak);
  const float inverse = 127.0f / largest;
  if (!std::isfinite(largest) || !std::isfinite(inverse)) {
    std::fill(quantized, quantized + size, Offset);
    return std::isfinite(largest) ? 1.0f : std::numeric_limits<float>::quiet_NaN();
  }
  for (int64_t i = 0; i < size; ++i) {
    const float scaled = x[i] * inverse;
    const auto rounded = static_cast<int32_t>(scaled + std::copysign(0.5f, scaled));
    quantized[i] = static_cast<uint8_t>(std::clamp(rounded, -127, 127) + Offset);
  }
  return largest / 127.0f;
}

// See Int8Kernel::Scale. Two sums of the most products there may be are less than 2^31.
template <int32_t Offset>
[[gnu::always_inline]] inline void scale_sums(const int32_t* sums, const int32_t* row_sums,
                                              const int32_t* addends, const float* bias,
                                              float scale, int64_t size, float* out) {
  alignas(64) int32_t wholes[Int8Matrix::kTileRows];
  for (int64_t r = 0; r < size; ++r) wholes[r] = sums[r] - Offset * row_sums[r];
  if (addends) {
    for (int64_t r = 0; r < size; ++r) {
      wholes[r] = static_cast<int32_t>(static_cast<uint32_t>(wholes[r]) +
                                       static_cast<uint32_t>(addends[r]));
    }
  }
  if (bias) {
    for (int64_t r = 0; r < size; ++r) out[r] = bias[r] + static_cast<float>(wholes[r]) * scale;
  } else {
    for (int64_t r = 0; r < size; ++r) out[r] = 0.0f + static_cast<float>(wholes[r]) * scale;
  }
}

}  // namespace stt
