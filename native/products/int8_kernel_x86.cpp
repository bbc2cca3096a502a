// Kernels for x86-64.
#include "products/int8_kernel.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <cpuid.h>
#include <immintrin.h>

#if defined(__clang__) ? __clang_major__ >= 12 : __GNUC__ >= 11
#define STT_HAS_AVXVNNI
#endif

namespace stt {
namespace {

constexpr int64_t kTileRows = Int8Matrix::kTileRows;
constexpr int64_t kGroupColumns = Int8Matrix::kGroupColumns;

using MultiplyRows = void (*)(const int8_t* weights, int64_t groups, const uint8_t* x,
                              int64_t x_stride, int32_t* sums);

#define STT_VNNI __attribute__((target("avx512f,avx512bw,avx512vnni")))
#define STT_AVX2 __attribute__((target("avx2")))
#define STT_AVXVNNI __attribute__((target("avx2,avxvnni")))

STT_VNNI float quantize_vnni(const float* x, int64_t size, float peak, uint8_t* quantized) {
  return quantize_row<128>(x, size, peak, quantized);
}

STT_VNNI void scale_vnni(const int32_t* sums, const int32_t* row_sums, const int32_t* addends,
                         const float* bias, float scale, int64_t size, float* out) {
  scale_sums<128>(sums, row_sums, addends, bias, scale, size, out);
}

// The instruction multiplies unsigned by signed bytes: x has 128 added. All loops are unrolled, so
// that the totals stay in registers.
template <int Count>
STT_VNNI void multiply_rows_vnni(const int8_t* weights, int64_t groups, const uint8_t* x,
                                 int64_t x_stride, int32_t* sums) {
  constexpr int kVectors = kTileRows / 16;
  __m512i totals[Count][kVectors];
#pragma GCC unroll 8
  for (int n = 0; n < Count; ++n) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) totals[n][v] = _mm512_setzero_si512();
  }
  for (int64_t g = 0; g < groups; ++g, weights += kGroupSize, x += kGroupColumns) {
    __m512i rows[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) rows[v] = _mm512_loadu_si512(weights + 64 * v);
#pragma GCC unroll 8
    for (int n = 0; n < Count; ++n) {
      const __m512i values = _mm512_set1_epi32(four_values(x + n * x_stride));
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        totals[n][v] = _mm512_dpbusd_epi32(totals[n][v], values, rows[v]);
      }
    }
  }
#pragma GCC unroll 8
  for (int n = 0; n < Count; ++n) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      _mm512_storeu_si512(sums + n * kTileRows + 16 * v, totals[n][v]);
    }
  }
}

void multiply_tile_avx512vnni(const int8_t* weights, int64_t groups, const uint8_t* x,
                            int64_t x_stride, int count, int32_t* sums) {
  static constexpr MultiplyRows kOfCount[Int8Kernel::kMostRows] = {
      multiply_rows_vnni<1>, multiply_rows_vnni<2>, multiply_rows_vnni<3>,
      multiply_rows_vnni<4>, multiply_rows_vnni<5>, multiply_rows_vnni<6>};
  kOfCount[count - 1](weights, groups, x, x_stride, sums);
}

STT_AVX2 float quantize_avx2(const float* x, int64_t size, float peak, uint8_t* quantized) {
  return quantize_row<0>(x, size, peak, quantized);
}

STT_AVX2 void scale_avx2(const int32_t* sums, const int32_t* row_sums, const int32_t* addends,
                         const float* bias, float scale, int64_t size, float* out) {
  scale_sums<0>(sums, row_sums, addends, bias, scale, size, out);
}

// Adds to the sums of eight rows their products with four columns of x. One factor has to be
// unsigned, so weights give their signs to x, which is never -128. Two products fit into 16 bits.
STT_AVX2 inline __m256i with_products_avx2(__m256i totals, __m256i rows, __m256i values) {
  const __m256i pairs =
      _mm256_maddubs_epi16(_mm256_abs_epi8(rows), _mm256_sign_epi8(values, rows));
  return _mm256_add_epi32(totals, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

// Multiplies one row of x with all rows of a tile at a time, or two with half of them. What is read
// twice stays in the first cache.
void multiply_in_parts(MultiplyRows one, MultiplyRows two, const int8_t* weights, int64_t groups,
                       const uint8_t* x, int64_t x_stride, int count, int32_t* sums) {
  constexpr int64_t kCachedGroups = 64, kHalf = kTileRows / 2;
  std::fill(sums, sums + count * kTileRows, 0);
  for (int64_t g = 0; g < groups; g += kCachedGroups) {
    const int64_t here = std::min(kCachedGroups, groups - g);
    const int8_t* top = weights + g * kGroupSize;
    for (int n = 0; n < count; n += 2) {
      const uint8_t* values = x + n * x_stride + g * kGroupColumns;
      int32_t* to = sums + n * kTileRows;
      if (n + 1 == count) {
        one(top, here, values, x_stride, to);
      } else {
        two(top, here, values, x_stride, to);
        two(top + kHalf * kGroupColumns, here, values, x_stride, to + kHalf);
      }
    }
  }
}

// Adds to the sums of 8 * `Vectors` rows of a tile, for processors with registers of 256 bits.
#define STT_MULTIPLY_ROWS(name, target)                                                          \
  template <int Vectors, int Count>                                                              \
  target void multiply_rows_##name(const int8_t* weights, int64_t groups, const uint8_t* x,      \
                                   int64_t x_stride, int32_t* sums) {                            \
    __m256i totals[Count][Vectors];                                                              \
    _Pragma("GCC unroll 2") for (int n = 0; n < Count; ++n) {                                    \
      _Pragma("GCC unroll 8") for (int v = 0; v < Vectors; ++v) {                                \
        totals[n][v] = _mm256_setzero_si256();                                                   \
      }                                                                                          \
    }                                                                                            \
    for (int64_t g = 0; g < groups; ++g, weights += kGroupSize, x += kGroupColumns) {            \
      __m256i values[Count];                                                                     \
      _Pragma("GCC unroll 2") for (int n = 0; n < Count; ++n) {                                  \
        values[n] = _mm256_set1_epi32(four_values(x + n * x_stride));                            \
      }                                                                                          \
      _Pragma("GCC unroll 8") for (int v = 0; v < Vectors; ++v) {                                \
        const __m256i rows =                                                                     \
            _mm256_loadu_si256(reinterpret_cast<const __m256i*>(weights + 32 * v));              \
        _Pragma("GCC unroll 2") for (int n = 0; n < Count; ++n) {                                \
          totals[n][v] = with_products_##name(totals[n][v], rows, values[n]);                    \
        }                                                                                        \
      }                                                                                          \
    }                                                                                            \
    _Pragma("GCC unroll 2") for (int n = 0; n < Count; ++n) {                                    \
      _Pragma("GCC unroll 8") for (int v = 0; v < Vectors; ++v) {                                \
        auto* to = reinterpret_cast<__m256i*>(sums + n * kTileRows + 8 * v);                     \
        _mm256_storeu_si256(to, _mm256_add_epi32(_mm256_loadu_si256(to), totals[n][v]));         \
      }                                                                                          \
    }                                                                                            \
  }

STT_MULTIPLY_ROWS(avx2, STT_AVX2)

// With 16 registers, one row of x takes all rows of a tile, two take half of them.
void multiply_tile_avx2(const int8_t* weights, int64_t groups, const uint8_t* x, int64_t x_stride,
                        int count, int32_t* sums) {
  multiply_in_parts(multiply_rows_avx2<8, 1>, multiply_rows_avx2<4, 2>, weights, groups, x,
                    x_stride, count, sums);
}

#ifdef STT_HAS_AVXVNNI
STT_AVXVNNI float quantize_avxvnni(const float* x, int64_t size, float peak, uint8_t* quantized) {
  return quantize_row<128>(x, size, peak, quantized);
}

STT_AVXVNNI void scale_avxvnni(const int32_t* sums, const int32_t* row_sums,
                               const int32_t* addends, const float* bias, float scale,
                               int64_t size, float* out) {
  scale_sums<128>(sums, row_sums, addends, bias, scale, size, out);
}

STT_AVXVNNI inline __m256i with_products_avxvnni(__m256i totals, __m256i rows, __m256i values) {
  return _mm256_dpbusd_avx_epi32(totals, values, rows);
}

STT_MULTIPLY_ROWS(avxvnni, STT_AVXVNNI)

void multiply_tile_avxvnni(const int8_t* weights, int64_t groups, const uint8_t* x,
                           int64_t x_stride, int count, int32_t* sums) {
  multiply_in_parts(multiply_rows_avxvnni<8, 1>, multiply_rows_avxvnni<4, 2>, weights, groups, x,
                    x_stride, count, sums);
}

// Not all compilers that make the instruction can say whether the processor has it.
bool has_avxvnni() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __builtin_cpu_supports("avx2") && __get_cpuid_count(7, 1, &a, &b, &c, &d) &&
         (a >> 4 & 1) != 0;
}
#endif
#undef STT_MULTIPLY_ROWS

}  // namespace

void add_x86_kernels(std::vector<Int8Kernel>& list) {
  if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vnni")) {
    list.push_back({"avx512vnni", 128, quantize_vnni, multiply_tile_avx512vnni, scale_vnni});
  }
#ifdef STT_HAS_AVXVNNI
  if (has_avxvnni()) {
    list.push_back({"avxvnni", 128, quantize_avxvnni, multiply_tile_avxvnni, scale_avxvnni});
  }
#endif
  if (__builtin_cpu_supports("avx2")) {
    list.push_back({"avx2", 0, quantize_avx2, multiply_tile_avx2, scale_avx2});
  }
}

}  // namespace stt

#else

namespace stt {

void add_x86_kernels(std::vector<Int8Kernel>&) {}

}  // namespace stt

#endif
