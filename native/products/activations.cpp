// Compiled with -ffp-contract=off: each product and each sum is rounded by itself.
#include "products/activations.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "kernels/kernel_choice.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define STT_X86
#endif

namespace stt {
namespace {

// Beyond it the quotient below is 1.
constexpr float kTanhIsOne = 7.90531110763549805f;
// Below it tanh(x) is x.
constexpr float kTanhIsItself = 0.0004f;

// Coefficients of even powers, the highest first.
template <int Count>
[[gnu::always_inline]] inline float polynomial(float square, const float (&coefficients)[Count]) {
  float value = coefficients[0];
  for (int i = 1; i < Count; ++i) value = value * square + coefficients[i];
  return value;
}

constexpr float kNumerator[] = {-2.76076847742355e-16f, 2.00018790482477e-13f,
                                -8.60467152213735e-11f, 5.12229709037114e-08f,
                                1.48572235717979e-05f,  6.37261928875436e-04f,
                                4.89352455891786e-03f};
constexpr float kDenominator[] = {1.19825839466702e-06f, 1.18534705686654e-04f,
                                  2.26843463243900e-03f, 4.89352518554385e-03f};

// Below the first exp(x) is 0, above the second it is infinite.
constexpr float kLeastExponent = -104.0f;
constexpr float kGreatestExponent = 88.723f;
constexpr float kLargest = std::numeric_limits<float>::max();
constexpr float kLog2E = 1.44269504f;
// ln 2 in two parts, so that a whole number times the first is exact.
constexpr float kLn2Part = 0.693359375f;
constexpr float kLn2Rest = -2.12194440e-4f;
// exp(r) = 1 + r + r^2 (...): of even and of odd powers.
constexpr float kExpEven[] = {1.37449638e-3f, 4.16696519e-2f, 0.499999881f};
constexpr float kExpOdd[] = {8.36894475e-3f, 0.166665182f};

// `yes` where a condition holds, else `no`: a mask of bits, as compilers make no vectors of branches.
[[gnu::always_inline]] inline float chosen(bool condition, float yes, float no) {
  const int32_t mask = -static_cast<int32_t>(condition);
  return std::bit_cast<float>((std::bit_cast<int32_t>(yes) & mask) |
                              (std::bit_cast<int32_t>(no) & ~mask));
}

[[gnu::always_inline]] inline float power_of_two(int32_t exponent) {
  return std::bit_cast<float>((exponent + 127) << 23);
}

[[gnu::always_inline]] inline float exponential(float x) {
  const float above = x > kLeastExponent ? x : kLeastExponent;
  const float clamped = above < kGreatestExponent ? above : kGreatestExponent;
  const float unrounded = clamped * kLog2E + 0.5f;
  const auto truncated = static_cast<int32_t>(unrounded);
  const int32_t doublings = truncated - (static_cast<float>(truncated) > unrounded);
  const auto whole = static_cast<float>(doublings);
  const float rest = (clamped - whole * kLn2Part) - whole * kLn2Rest;
  const float square = rest * rest;
  const float high = rest * polynomial(square, kExpOdd) + polynomial(square, kExpEven);
  const float power = square * high + (rest + 1.0f);
  // Twice, as no float holds the largest and the least powers.
  const int32_t half = doublings >> 1;
  const float scaled = power * power_of_two(half) * power_of_two(doublings - half);
  return chosen(x < kLeastExponent, 0.0f, scaled);
}

// To be made part of functions for one instruction set.

[[gnu::always_inline]] inline void tangents(const float* x, int64_t size, float* y) {
  for (int64_t i = 0; i < size; ++i) {
    const float above = x[i] < -kTanhIsOne ? -kTanhIsOne : x[i];
    const float clamped = above > kTanhIsOne ? kTanhIsOne : above;
    const float square = clamped * clamped;
    const float quotient =
        clamped * polynomial(square, kNumerator) / polynomial(square, kDenominator);
    y[i] = std::fabs(x[i]) < kTanhIsItself ? x[i] : quotient;
  }
}

[[gnu::always_inline]] inline void logistics(const float* x, int64_t size, float* y) {
  for (int64_t i = 0; i < size; ++i) {
    const float power = exponential(x[i]);
    const float quotient = chosen(power <= kLargest, power / (1.0f + power), 1.0f);
    y[i] = chosen(x[i] == x[i], quotient, x[i]);
  }
}

[[gnu::always_inline]] inline void cell(float* gates, int64_t size, float* c, float* h) {
  float *i = gates, *j = gates + size, *f = gates + 2 * size, *o = gates + 3 * size;
  logistics(i, size, i);
  tangents(j, size, j);
  logistics(f, 2 * size, f);  // and o
  for (int64_t n = 0; n < size; ++n) c[n] = f[n] * c[n] + i[n] * j[n];
  tangents(c, size, h);
  for (int64_t n = 0; n < size; ++n) h[n] = o[n] * h[n];
}

struct Kernel {
  const char* name;
  void (*tangents)(const float* x, int64_t size, float* y);
  void (*logistics)(const float* x, int64_t size, float* y);
  void (*cell)(float* gates, int64_t size, float* c, float* h);
};

#define STT_KERNEL(name, ...)                                                      \
  __VA_ARGS__ void tangents_##name(const float* x, int64_t size, float* y) {       \
    tangents(x, size, y);                                                          \
  }                                                                                \
  __VA_ARGS__ void logistics_##name(const float* x, int64_t size, float* y) {      \
    logistics(x, size, y);                                                         \
  }                                                                                \
  __VA_ARGS__ void cell_##name(float* gates, int64_t size, float* c, float* h) {   \
    cell(gates, size, c, h);                                                       \
  }                                                                                \
  constexpr Kernel k_##name{#name, tangents_##name, logistics_##name, cell_##name};

STT_KERNEL(baseline)
#ifdef STT_X86
STT_KERNEL(avx2, [[gnu::target("avx2")]])
#ifdef __clang__  // which has no such word, and takes whole vectors by itself
STT_KERNEL(avx512, [[gnu::target("avx512f")]])
#else
STT_KERNEL(avx512, [[gnu::target("avx512f,prefer-vector-width=512")]])
#endif
#endif
#undef STT_KERNEL

// Fastest first.
KernelChoice<Kernel>& kernels() {
  static KernelChoice<Kernel> choice([] {
    std::vector<Kernel> list;
#ifdef STT_X86
    if (__builtin_cpu_supports("avx512f")) list.push_back(k_avx512);
    if (__builtin_cpu_supports("avx2")) list.push_back(k_avx2);
#endif
    list.push_back(k_baseline);
    return list;
  }());
  return choice;
}

}  // namespace

void hyperbolic_tangent(const float* x, int64_t size, float* y) {
  kernels().chosen().tangents(x, size, y);
}

void logistic(const float* x, int64_t size, float* y) {
  kernels().chosen().logistics(x, size, y);
}

void lstm_cell(float* gates, int64_t size, float* c, float* h) {
  kernels().chosen().cell(gates, size, c, h);
}

std::vector<std::string> activation_kernels() { return kernels().names(); }

void use_activation_kernel(std::string_view name) { kernels().use(name); }

}  // namespace stt
