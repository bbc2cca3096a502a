#include "int8_product.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "kernel_choice.h"
#include "row_shares.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define STT_X86
#include <immintrin.h>
#endif

namespace stt {
namespace {

constexpr int64_t kTileRows = 64;
constexpr int64_t kRowsAhead = 2;
constexpr int64_t kCacheLine = 64;
constexpr int kBlock = 8;

// Rounds a row to int8, halves away from zero, and returns its scale, which holds `peak` too: NaN
// where the row is not finite throughout, so that it shows in the result.
float quantize(const float* x, int64_t size, float peak, int8_t* quantized) {
  // Without their signs, floats are in the order of their bits; infinity and NaN come last.
  int32_t largest_bits = std::bit_cast<int32_t>(peak) & 0x7fffffff;
  for (int64_t i = 0; i < size; ++i) {
    largest_bits = std::max(largest_bits, std::bit_cast<int32_t>(x[i]) & 0x7fffffff);
  }
  const auto largest = std::bit_cast<float>(largest_bits);
  const float inverse = 127.0f / largest;
  if (!std::isfinite(largest) || !std::isfinite(inverse)) {
    std::fill(quantized, quantized + size, int8_t{0});
    return std::isfinite(largest) ? 1.0f : std::numeric_limits<float>::quiet_NaN();
  }
  for (int64_t i = 0; i < size; ++i) {
    const float scaled = x[i] * inverse;
    const float rounded = std::trunc(scaled + std::copysign(0.5f, scaled));
    quantized[i] = static_cast<int8_t>(std::clamp(rounded, -127.0f, 127.0f));
  }
  return largest / 127.0f;
}

// Sums of products of one row of weights with `Count` rows of x.
template <int Count>
void dots(const int8_t* weights, const int8_t* x, int64_t columns, int32_t* sums) {
  for (int n = 0; n < Count; ++n) {
    int32_t sum = 0;
    for (int64_t i = 0; i < columns; ++i) {
      sum += static_cast<int16_t>(weights[i]) * static_cast<int16_t>(x[n * columns + i]);
    }
    sums[n] = sum;
  }
}

#ifdef STT_X86
// The instruction multiplies unsigned by signed bytes, so 128 is added to the weights: these sums
// are larger by 128 times the sum of the row of x. A row alone is summed up in four chains, for
// speed.
template <int Count>
__attribute__((target("avx512f,avx512bw,avx512vnni"))) void dots_vnni(const int8_t* weights,
                                                                      const int8_t* x,
                                                                      int64_t columns,
                                                                      int32_t* sums) {
  constexpr int kChains = Count == 1 ? 4 : 1;
  const __m512i offset = _mm512_set1_epi8(static_cast<char>(0x80));
  __m512i totals[Count * kChains];
  for (__m512i& total : totals) total = _mm512_setzero_si512();
  int64_t i = 0;
  for (; i + 64 * kChains <= columns; i += 64 * kChains) {
    for (int chain = 0; chain < kChains; ++chain) {
      const int64_t at = i + 64 * chain;
      const __m512i row = _mm512_xor_si512(_mm512_loadu_si512(weights + at), offset);
      for (int n = 0; n < Count; ++n) {
        __m512i& total = totals[n * kChains + chain];
        total = _mm512_dpbusd_epi32(total, row, _mm512_loadu_si512(x + n * columns + at));
      }
    }
  }
  for (; i < columns; i += 64) {
    const int64_t left = columns - i;
    const __mmask64 mask = left >= 64 ? ~__mmask64{0} : (__mmask64{1} << left) - 1;
    const __m512i row = _mm512_xor_si512(_mm512_maskz_loadu_epi8(mask, weights + i), offset);
    for (int n = 0; n < Count; ++n) {
      __m512i& total = totals[n * kChains];
      total = _mm512_dpbusd_epi32(total, row, _mm512_maskz_loadu_epi8(mask, x + n * columns + i));
    }
  }
  for (int n = 0; n < Count; ++n) {
    for (int chain = 1; chain < kChains; ++chain) {
      totals[n * kChains] = _mm512_add_epi32(totals[n * kChains], totals[n * kChains + chain]);
    }
    alignas(64) int32_t lanes[16];
    _mm512_store_si512(lanes, totals[n * kChains]);
    sums[n] = 0;
    for (const int32_t lane : lanes) sums[n] += lane;
  }
}

template <int Count>
__attribute__((target("avx2"))) void dots_avx2(const int8_t* weights, const int8_t* x,
                                               int64_t columns, int32_t* sums) {
#define STT_WIDENED(at) _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)))
  __m256i totals[Count];
  for (__m256i& total : totals) total = _mm256_setzero_si256();
  int64_t i = 0;
  for (; i + 16 <= columns; i += 16) {
    const __m256i row = STT_WIDENED(weights + i);
    for (int n = 0; n < Count; ++n) {
      totals[n] =
          _mm256_add_epi32(totals[n], _mm256_madd_epi16(row, STT_WIDENED(x + n * columns + i)));
    }
  }
#undef STT_WIDENED
  for (int n = 0; n < Count; ++n) {
    alignas(32) int32_t lanes[8];
    _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), totals[n]);
    sums[n] = 0;
    for (const int32_t lane : lanes) sums[n] += lane;
    for (int64_t rest = i; rest < columns; ++rest) {
      sums[n] += weights[rest] * x[n * columns + rest];
    }
  }
}
#endif

using Dots = void (*)(const int8_t* weights, const int8_t* x, int64_t columns, int32_t* sums);

struct Kernel {
  const char* name;
  Dots many;  // `kBlock` rows of x
  Dots one;
  int32_t weights_offset;  // what is added to weights
};

// Fastest first.
KernelChoice<Kernel>& kernels() {
  static KernelChoice<Kernel> choice([] {
    std::vector<Kernel> list;
#ifdef STT_X86
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vnni")) {
      list.push_back({"avx512vnni", dots_vnni<kBlock>, dots_vnni<1>, 128});
    }
    if (__builtin_cpu_supports("avx2")) {
      list.push_back({"avx2", dots_avx2<kBlock>, dots_avx2<1>, 0});
    }
#endif
    list.push_back({"baseline", dots<kBlock>, dots<1>, 0});
    return list;
  }());
  return choice;
}

struct QuantizedRows {
  std::vector<int8_t> values;
  std::vector<float> scales;
  std::vector<int32_t> excess;  // of the sums that the kernel computes
};

QuantizedRows quantize_rows(const FloatRows& x, int64_t columns, const Kernel& kernel) {
  QuantizedRows rows{std::vector<int8_t>(static_cast<size_t>(x.count * columns)), {}, {}};
  for (int64_t n = 0; n < x.count; ++n) {
    int8_t* row = rows.values.data() + n * columns;
    const float peak = x.peaks ? x.peaks[n] : 0.0f;
    rows.scales.push_back(quantize(x.values + n * columns, columns, peak, row));
    const int32_t sum = std::accumulate(row, row + columns, int32_t{0});
    rows.excess.push_back(kernel.weights_offset * sum);
  }
  return rows;
}

// Has a row of weights fetched. Processors do it by themselves where rows lie side by side, and
// later.
void prefetch([[maybe_unused]] const int8_t* row, [[maybe_unused]] int64_t size) {
#ifdef __GNUC__
  for (int64_t i = 0; i < size; i += kCacheLine) __builtin_prefetch(row + i);
#endif
}

// Calls store(n, row, sum) for rows `first` to `last` of the result. A tile of weights stays in the
// second cache, a block of x in the first.
template <typename Store>
void sum_rows(const Kernel& dots, const Int8Matrix& matrix, const QuantizedRows& x, int64_t count,
              int64_t first, int64_t last, const Store& store) {
  const int64_t columns = matrix.columns;
  int32_t sums[kBlock];
  for (int64_t tile = first; tile < last; tile += kTileRows) {
    for (int64_t n = 0; n < count;) {
      const int64_t block = n + kBlock <= count ? kBlock : 1;
      for (int64_t row = tile; row < std::min(tile + kTileRows, last); ++row) {
        if (n == 0) prefetch(matrix.weights + (row + kRowsAhead) * matrix.stride, columns);
        (block == 1 ? dots.one : dots.many)(matrix.weights + row * matrix.stride,
                                            x.values.data() + n * columns, columns, sums);
        for (int64_t i = n; i < n + block; ++i) {
          store(i, row, sums[i - n] - x.excess[static_cast<size_t>(i)]);
        }
      }
      n += block;
    }
  }
}

// Calls store(quantized x, n, row, sum) for all of the result.
template <typename Store>
void sum_all(const Int8Matrix& matrix, const FloatRows& x, int threads, const Store& store) {
  if (matrix.columns > kMostInt8Columns) {
    throw std::invalid_argument("an int8 matrix has " + std::to_string(matrix.columns) +
                                " columns; sums of more than " + std::to_string(kMostInt8Columns) +
                                " products could overflow");
  }
  const Kernel& kernel = kernels().chosen();
  const QuantizedRows quantized = quantize_rows(x, matrix.columns, kernel);
  share_rows(matrix.rows, x.count * matrix.rows * matrix.columns, threads,
             [&](int64_t first, int64_t last) {
               sum_rows(kernel, matrix, quantized, x.count, first, last,
                        [&](int64_t n, int64_t row, int32_t sum) {
                          store(quantized, n, row, sum);
                        });
             });
}

}  // namespace

void multiply(const Int8Matrix& matrix, const FloatRows& x, const float* bias, float* out,
              int threads) {
  sum_all(matrix, x, threads,
          [&](const QuantizedRows& quantized, int64_t n, int64_t row, int32_t sum) {
            const int64_t at = n * matrix.rows + row;
            const int64_t whole = int64_t{sum} + (x.addends ? x.addends[at] : 0);
            const float scale = quantized.scales[static_cast<size_t>(n)] * matrix.scale;
            out[at] = (bias ? bias[row] : 0.0f) + static_cast<float>(whole) * scale;
          });
}

void sum(const Int8Matrix& matrix, const FloatRows& x, int32_t* out, int threads) {
  sum_all(matrix, x, threads, [&](const QuantizedRows&, int64_t n, int64_t row, int32_t sum) {
    out[n * matrix.rows + row] = sum;
  });
}

std::vector<std::string> int8_kernels() { return kernels().names(); }

void use_int8_kernel(std::string_view name) { kernels().use(name); }

}  // namespace stt
