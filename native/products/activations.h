// The activations of an LSTM, rounded as libstt 1.4 rounds them. An int8 product after them turns a
// difference in the last bit, now and then, into one of a whole step of 127.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace stt {

// y[i] = tanh(x[i]), by the rational function of Eigen 3.4 without fused multiplications.
// y may be x.
void hyperbolic_tangent(const float* x, int64_t size, float* y);

// y[i] = e / (1 + e), by the polynomial for e = exp(x[i]) that Eigen had in TensorFlow 2.9, likewise
// without fused multiplications. y may be x.
void logistic(const float* x, int64_t size, float* y);

// What an LSTM makes of its gates i, j, f and o, each `size` values, one behind the other:
// c = logistic(f) c + logistic(i) tanh(j), h = logistic(o) tanh(c). `gates` are overwritten.
void lstm_cell(float* gates, int64_t size, float* c, float* h);

// See int8_kernels and use_int8_kernel; these give equal results, too.
std::vector<std::string> activation_kernels();
void use_activation_kernel(std::string_view name);

}  // namespace stt
