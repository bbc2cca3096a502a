// Kernels for 64-bit ARM.
#include "products/int8_kernel.h"

#if defined(__aarch64__) && defined(__GNUC__)
#include <arm_neon.h>
#ifdef __linux__
#include <sys/auxv.h>
#endif

namespace stt {
namespace {

constexpr int64_t kTileRows = Int8Matrix::kTileRows;
constexpr int64_t kGroupColumns = Int8Matrix::kGroupColumns;

#define STT_NEON
#define STT_DOTPROD __attribute__((target("arch=armv8.2-a+dotprod")))

float quantize_neon(const float* x, int64_t size, float peak, uint8_t* quantized) {
  return quantize_row<0>(x, size, peak, quantized);
}

void scale_neon(const int32_t* sums, const int32_t* row_sums, const int32_t* addends,
                const float* bias, float scale, int64_t size, float* out) {
  scale_sums<0>(sums, row_sums, addends, bias, scale, size, out);
}

// Add to the sums of four rows their products with four columns of x, which is never -128: so two
// products fit into 16 bits.
STT_NEON inline int32x4_t with_products_neon(int32x4_t totals, int8x16_t rows, int8x16_t values) {
  const int16x8_t top = vmull_s8(vget_low_s8(rows), vget_low_s8(values));
  return vpadalq_s16(totals, vpaddq_s16(top, vmull_high_s8(rows, values)));
}

STT_DOTPROD inline int32x4_t with_products_dotprod(int32x4_t totals, int8x16_t rows,
                                                   int8x16_t values) {
  return vdotq_s32(totals, rows, values);
}

// Adds to the sums of 4 * `Vectors` rows of a tile.
#define STT_MULTIPLY_ROWS(name, target)                                                          \
  template <int Vectors, int Count>                                                              \
  target void multiply_rows_##name(const int8_t* weights, int64_t groups, const uint8_t* x,      \
                                   int64_t x_stride, int32_t* sums) {                            \
    int32x4_t totals[Count][Vectors];                                                            \
    _Pragma("GCC unroll 2") for (int n = 0; n < Count; ++n) {                                    \
      _Pragma("GCC unroll 16") for (int v = 0; v < Vectors; ++v) totals[n][v] = vdupq_n_s32(0);  \
    }                                                                                            \
    for (int64_t g = 0; g < groups; ++g, weights += kGroupSize, x += kGroupColumns) {            \
      int8x16_t values[Count];                                                                   \
      _Pragma("GCC unroll 2") for (int n = 0; n < Count; ++n) {                                  \
        values[n] = vreinterpretq_s8_s32(vdupq_n_s32(four_values(x + n * x_stride)));            \
      }                                                                                          \
      _Pragma("GCC unroll 16") for (int v = 0; v < Vectors; ++v) {                               \
        const int8x16_t rows = vld1q_s8(weights + 16 * v);                                       \
        _Pragma("GCC unroll 2") for (int n = 0; n < Count; ++n) {                                \
          totals[n][v] = with_products_##name(totals[n][v], rows, values[n]);                    \
        }                                                                                        \
      }                                                                                          \
    }                                                                                            \
    _Pragma("GCC unroll 2") for (int n = 0; n < Count; ++n) {                                    \
      _Pragma("GCC unroll 16") for (int v = 0; v < Vectors; ++v) {                               \
        vst1q_s32(sums + n * kTileRows + 4 * v, totals[n][v]);                                   \
      }                                                                                          \
    }                                                                                            \
  }                                                                                              \
                                                                                                 \
  /* With 32 registers, one row of x takes all rows of a tile, two take half of them. */         \
  void multiply_tile_##name(const int8_t* weights, int64_t groups, const uint8_t* x,             \
                            int64_t x_stride, int count, int32_t* sums) {                        \
    constexpr int64_t kHalf = kTileRows / 2;                                                     \
    for (int n = 0; n < count; n += 2, x += 2 * x_stride, sums += 2 * kTileRows) {               \
      if (n + 1 == count) {                                                                      \
        multiply_rows_##name<16, 1>(weights, groups, x, x_stride, sums);                         \
      } else {                                                                                   \
        multiply_rows_##name<8, 2>(weights, groups, x, x_stride, sums);                          \
        multiply_rows_##name<8, 2>(weights + kHalf * kGroupColumns, groups, x, x_stride,         \
                                   sums + kHalf);                                                \
      }                                                                                          \
    }                                                                                            \
  }

STT_MULTIPLY_ROWS(neon, STT_NEON)
STT_MULTIPLY_ROWS(dotprod, STT_DOTPROD)
#undef STT_MULTIPLY_ROWS

bool has_dotprod() {
#if defined(__linux__) && defined(HWCAP_ASIMDDP)
  return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
#elif defined(__APPLE__)
  return true;  // all of Apple's own processors that run macOS have it
#else
  return false;
#endif
}

}  // namespace

void add_arm_kernels(std::vector<Int8Kernel>& list) {
  if (has_dotprod()) {
    list.push_back({"dotprod", 0, quantize_neon, multiply_tile_dotprod, scale_neon});
  }
  list.push_back({"neon", 0, quantize_neon, multiply_tile_neon, scale_neon});
}

}  // namespace stt

#else

namespace stt {

void add_arm_kernels(std::vector<Int8Kernel>&) {}

}  // namespace stt

#endif
