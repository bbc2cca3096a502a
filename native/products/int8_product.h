// Products of float rows with an int8 matrix, as TensorFlow Lite's hybrid kernels compute them:
// each row is rounded to int8 by its own scale, max |x| / 127, and the integer products are exact.
// So the results are libstt's, whatever the instruction set, and those of a row are the same
// whatever rows are multiplied with it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "products/int8_matrix.h"

namespace stt {

// Rows of floats, and optional inputs of their product: `peaks` and `addends` may be null.
struct FloatRows {
  const float* values = nullptr;  // [count, columns]
  int64_t count = 0;
  const float* peaks = nullptr;  // [count]: magnitudes that each row's scale must cover, too
  // [count, rows], rows `addends_stride` apart: sums of integer products with other columns.
  const int32_t* addends = nullptr;
  int64_t addends_stride = 0;
};

// out[n, r] = bias[r] + scale * (sum over c of weights[r, c] * x[n, c]), for n below `x.count`;
// `scale` is that of the weights, whose zero point is 0. `bias` may be null. A row of x that is not
// finite throughout gives a row of NaN; one that is too small to be scaled counts as zeros. The
// weights are read once for all rows. Work is shared among `threads` threads where there is enough
// of it.
void multiply(const Int8Matrix& matrix, float scale, const FloatRows& x, const float* bias,
              float* out, int threads);

// The sums of integer products that `multiply` scales, without addends: int32 [count, rows].
void sum(const Int8Matrix& matrix, const FloatRows& x, int32_t* out, int threads);

// The kernels that this processor runs, fastest first. They give equal results.
std::vector<std::string> int8_kernels();
// Sets the kernel of all later products, so that kernels that newer processors do not use can be
// tested and measured. Throws std::invalid_argument if there is no kernel of that name.
void use_int8_kernel(std::string_view name);

}  // namespace stt
