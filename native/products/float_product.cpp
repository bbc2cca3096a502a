#include "products/float_product.h"

#include <algorithm>
#include <cstring>

#include "kernels/kernel_choice.h"
#include "kernels/work_shares.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define STT_X86
#endif

namespace stt {
namespace {

constexpr int kRows = 4;  // of weights, read side by side

// Vectors of GCC and Clang, made of what the processor has.
using Lanes16 [[gnu::vector_size(64)]] = float;
using Lanes8 [[gnu::vector_size(32)]] = float;
using Lanes4 [[gnu::vector_size(16)]] = float;

// sums[r, n] = sum over c of weights[r, c] * x[n, c].
template <typename Lanes, int Rows, int Count>
[[gnu::always_inline]] inline void dots(const float* weights, int64_t stride, const float* x,
                                        int64_t columns, float* sums) {
  constexpr int64_t kLanes = sizeof(Lanes) / sizeof(float);
  Lanes totals[Rows * Count] = {};
  int64_t c = 0;
  for (; c + kLanes <= columns; c += kLanes) {
    Lanes rows[Rows];
#pragma GCC unroll 4
    for (int r = 0; r < Rows; ++r) std::memcpy(&rows[r], weights + r * stride + c, sizeof(Lanes));
#pragma GCC unroll 4
    for (int n = 0; n < Count; ++n) {
      Lanes values;
      std::memcpy(&values, x + n * columns + c, sizeof(Lanes));
#pragma GCC unroll 4
      for (int r = 0; r < Rows; ++r) totals[r * Count + n] += rows[r] * values;
    }
  }
  for (int r = 0; r < Rows; ++r) {
    for (int n = 0; n < Count; ++n) {
      float sum = 0;
      for (int64_t lane = 0; lane < kLanes; ++lane) sum += totals[r * Count + n][lane];
      for (int64_t rest = c; rest < columns; ++rest) {
        sum += weights[r * stride + rest] * x[n * columns + rest];
      }
      sums[r * Count + n] = sum;
    }
  }
}

using Dots = void (*)(const float* weights, int64_t stride, const float* x, int64_t columns,
                      float* sums);

struct Kernel {
  const char* name;
  int block;    // rows of x that `tile` and `row` take
  Dots tile;    // kRows rows of weights, `block` of x
  Dots column;  // kRows rows of weights, one of x
  Dots row;     // one row of weights, `block` of x
  Dots single;  // one of each
};

#define STT_KERNEL(name, Lanes, Block, ...)                                          \
  template <int Rows, int Count>                                                     \
  __VA_ARGS__ void dots_##name(const float* weights, int64_t stride, const float* x, \
                               int64_t columns, float* sums) {                       \
    dots<Lanes, Rows, Count>(weights, stride, x, columns, sums);                     \
  }                                                                                  \
  constexpr Kernel k_##name{#name,                                                   \
                            Block,                                                   \
                            dots_##name<kRows, Block>,                               \
                            dots_##name<kRows, 1>,                                   \
                            dots_##name<1, Block>,                                   \
                            dots_##name<1, 1>};

STT_KERNEL(baseline, Lanes4, 2)
#ifdef STT_X86
STT_KERNEL(avx2, Lanes8, 2, [[gnu::target("avx2,fma")]])
STT_KERNEL(avx512, Lanes16, 4, [[gnu::target("avx512f")]])
#endif
#undef STT_KERNEL

constexpr int kLargestBlock = 4;

// Fastest first.
KernelChoice<Kernel>& kernels() {
  static KernelChoice<Kernel> choice([] {
    std::vector<Kernel> list;
#ifdef STT_X86
    if (__builtin_cpu_supports("avx512f")) list.push_back(k_avx512);
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) list.push_back(k_avx2);
#endif
    list.push_back(k_baseline);
    return list;
  }());
  return choice;
}

}  // namespace

void multiply(const FloatMatrix& matrix, const float* x, int64_t count, const float* bias,
              float* out, int threads) {
  const Kernel& kernel = kernels().chosen();
  // A tile of weights stays in the first cache while all of x passes by.
  const auto multiply_rows = [&](int64_t first, int64_t last) {
    float sums[kRows * kLargestBlock];
    for (int64_t row = first; row < last;) {
      const int64_t rows = row + kRows <= last ? kRows : 1;
      const float* weights = matrix.weights + row * matrix.stride;
      for (int64_t n = 0; n < count;) {
        const int64_t block = n + kernel.block <= count ? kernel.block : 1;
        const Dots dots = rows == 1 ? (block == 1 ? kernel.single : kernel.row)
                                    : (block == 1 ? kernel.column : kernel.tile);
        dots(weights, matrix.stride, x + n * matrix.columns, matrix.columns, sums);
        for (int64_t r = 0; r < rows; ++r) {
          for (int64_t i = 0; i < block; ++i) {
            out[(n + i) * matrix.rows + row + r] =
                sums[r * block + i] + (bias ? bias[row + r] : 0.0f);
          }
        }
        n += block;
      }
      row += rows;
    }
  };
  share_work((matrix.rows + kRows - 1) / kRows, count * matrix.rows * matrix.columns, threads,
             [&](int64_t first, int64_t last) {
               multiply_rows(first * kRows, std::min(last * kRows, matrix.rows));
             });
}

std::vector<std::string> float_kernels() { return kernels().names(); }

void use_float_kernel(std::string_view name) { kernels().use(name); }

}  // namespace stt
