// An LSTM over several steps of several streams at a time. It reads the input weights once for all
// steps, and the state weights once for each step, for all streams together.
//
//     i, j, f, o = W [x_t; h] + b
//     c = logistic(f) c + logistic(i) tanh(j)
//     h = logistic(o) tanh(c)
#pragma once

#include <cstdint>

#include "products/float_product.h"
#include "products/int8_product.h"

namespace stt {

// Int8 weights; both matrices have the same scale. x and h are quantised with one scale, too: the
// larger of theirs, as in TensorFlow Lite's hybrid product of [x; h].
struct Int8Lstm {
  const Int8Matrix& x;         // [4 * hidden, columns]
  const Int8Matrix& h;         // [4 * hidden, hidden]
  float scale;
  const float* bias;           // [4 * hidden]
};

struct FloatLstm {
  FloatMatrix x, h;
  const float* bias;
};

// Inputs and outputs, stream-major.
struct LstmRun {
  int64_t streams = 0, steps = 0;
  const float* x = nullptr;   // [streams, steps, columns]
  const float* h0 = nullptr;  // [streams, hidden]
  float* c = nullptr;         // [streams, hidden]: before the first step, then after the last
  float* h = nullptr;         // [streams, steps, hidden]: after each step
};

// The results of a stream are bit-identical whatever other streams run with it.
void run_lstm(const Int8Lstm& lstm, const LstmRun& run, int threads);
void run_lstm(const FloatLstm& lstm, const LstmRun& run, int threads);

}  // namespace stt
