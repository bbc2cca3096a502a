#include "products/int8_kernel.h"

#include <cstring>

namespace stt {
namespace {

constexpr int64_t kTileRows = Int8Matrix::kTileRows;
constexpr int64_t kGroupColumns = Int8Matrix::kGroupColumns;

float quantize_baseline(const float* x, int64_t size, float peak, uint8_t* quantized) {
  return quantize_row<0>(x, size, peak, quantized);
}

void scale_baseline(const int32_t* sums, const int32_t* row_sums, const int32_t* addends,
                    const float* bias, float scale, int64_t size, float* out) {
  scale_sums<0>(sums, row_sums, addends, bias, scale, size, out);
}

void multiply_tile_baseline(const int8_t* weights, int64_t groups, const uint8_t* x,
                            int64_t x_stride, int count, int32_t* sums) {
  std::fill(sums, sums + count * kTileRows, 0);
  for (int64_t g = 0; g < groups; ++g, weights += kTileRows * kGroupColumns, x += kGroupColumns) {
    for (int n = 0; n < count; ++n) {
      int8_t values[kGroupColumns];
      std::memcpy(values, x + n * x_stride, sizeof(values));
      for (int64_t r = 0; r < kTileRows; ++r) {
        const int8_t* row = weights + r * kGroupColumns;
        sums[n * kTileRows + r] += row[0] * values[0] + row[1] * values[1] + row[2] * values[2] +
                                   row[3] * values[3];
      }
    }
  }
}

}  // namespace

std::vector<Int8Kernel> int8_kernel_list() {
  std::vector<Int8Kernel> list;
  add_x86_kernels(list);
  add_arm_kernels(list);
  list.push_back({"baseline", 0, quantize_baseline, multiply_tile_baseline, scale_baseline});
  return list;
}

}  // namespace stt
