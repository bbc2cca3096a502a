// Products of float rows with an int8 matrix, as TensorFlow Lite's hybrid kernels compute them: each
// row is rounded to int8 by its own scale, max |x| / 127, and the integer products are exact. So the
// results are libstt's, whatever the instruction set.
#pragma once

#include <cstdint>

namespace stt {

struct Int8Matrix {
  const int8_t* weights = nullptr;  // [rows, columns], rows `stride` apart
  int64_t rows = 0;
  int64_t columns = 0;
  int64_t stride = 0;
  float scale = 1;  // of the weights; the zero point is 0
};

// out[n, r] = bias[r] + scale * sum over c of weights[r, c] * x[n, c], for n below `count`.
// `bias` may be null. `peaks`, which may be null, has for each row of x a number that its scale must
// hold too. Work is shared among `threads` threads where there is enough of it.
void multiply(const Int8Matrix& matrix, const float* x, int64_t count, const float* bias,
              const float* peaks, float* out, int threads);

}  // namespace stt
