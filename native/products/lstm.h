// An LSTM, run over some steps of several streams at a time, which reads its weights once for all of
// them: those of its input once for all steps, those of its state once for each.
//
//     i, j, f, o = W [x_t; h] + b
//     c = logistic(f) c + logistic(i) tanh(j)
//     h = logistic(o) tanh(c)
#pragma once

#include <cstdint>

#include "products/float_product.h"
#include "products/int8_product.h"

namespace stt {

// Weights of int8, both halves of them with one scale. They take x and h rounded by one scale too,
// that of the larger of them, as TensorFlow Lite's hybrid product of [x; h] does.
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

// What goes in and what comes out; streams in front.
struct LstmRun {
  int64_t streams = 0, steps = 0;
  const float* x = nullptr;   // [streams, steps, columns]
  const float* h0 = nullptr;  // [streams, hidden]
  float* c = nullptr;         // [streams, hidden]: before the first step, then after the last
  float* h = nullptr;         // [streams, steps, hidden]: after each step
};

// A stream's results are equal to the bit whatever other streams there are.
void run_lstm(const Int8Lstm& lstm, const LstmRun& run, int threads);
void run_lstm(const FloatLstm& lstm, const LstmRun& run, int threads);

}  // namespace stt
