// Products of float rows with a float matrix.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace stt {

struct FloatMatrix {
  const float* weights = nullptr;  // [rows, columns], rows `stride` apart; need not be aligned
  int64_t rows = 0;
  int64_t columns = 0;
  int64_t stride = 0;
};

// out[n, r] = bias[r] + sum over c of weights[r, c] * x[n, c], for n below `count`. `bias` may be
// null. Work is shared among `threads` threads where there is enough of it.
void multiply(const FloatMatrix& matrix, const float* x, int64_t count, const float* bias,
              float* out, int threads);

// See int8_kernels and use_int8_kernel; these give equal results but for rounding.
std::vector<std::string> float_kernels();
void use_float_kernel(std::string_view name);

}  // namespace stt
