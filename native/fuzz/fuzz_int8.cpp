// Whatever the shapes and numbers are: all int8 kernels give equal products, which are the exact
// ones where the row of x is finite, and NaN where it is not; and a product in two parts, or row by
// row, equals the whole.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "fuzz_input.h"
#include "products/int8_product.h"

namespace {

using stt::fuzz::Input;

float take_value(Input& input) {
  return input.below(16) == 0 ? input.take<float>() : static_cast<float>(input.take<int8_t>()) / 16;
}

constexpr float kScale = 0.01f;  // of the weights

bool is_finite(const float* x, int64_t size) {
  return std::all_of(x, x + size, [](float value) { return std::isfinite(value); });
}

bool is_same(float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); }

// The product, of the left and the right half of the columns, rounded by one scale.
std::vector<float> product_of_halves(const stt::Int8Rows& weights, const std::vector<float>& x,
                                     int count, const float* bias, int threads) {
  const auto columns = static_cast<size_t>(weights.columns), left = columns / 2;
  std::vector<float> halves[2], peaks;
  for (size_t n = 0; n < static_cast<size_t>(count); ++n) {
    const float* row = x.data() + n * columns;
    halves[0].insert(halves[0].end(), row, row + left);
    halves[1].insert(halves[1].end(), row + left, row + columns);
    float peak = is_finite(row, weights.columns) ? 0.0f : std::nanf("");
    for (size_t i = 0; i < columns; ++i) peak = std::fabs(row[i]) > peak ? std::fabs(row[i]) : peak;
    peaks.push_back(peak);
  }
  stt::Int8Rows parts[2] = {weights, weights};
  parts[0].columns = static_cast<int64_t>(left);
  parts[1].columns = static_cast<int64_t>(columns - left);
  parts[1].values += left;
  std::vector<int32_t> sums(static_cast<size_t>(count * weights.count));
  std::vector<float> result(sums.size());
  stt::sum(stt::Int8Matrix(parts[0]), {halves[0].data(), count, peaks.data()}, sums.data(),
           threads);
  stt::multiply(stt::Int8Matrix(parts[1]), kScale,
                {halves[1].data(), count, peaks.data(), sums.data(), weights.count}, bias,
                result.data(), threads);
  return result;
}

// Each row of x for itself: what batches must equal.
std::vector<float> product_row_by_row(const stt::Int8Matrix& matrix, const std::vector<float>& x,
                                      int count, const float* bias, int threads) {
  std::vector<float> result(static_cast<size_t>(count * matrix.rows()));
  for (int n = 0; n < count; ++n) {
    stt::multiply(matrix, kScale, {x.data() + n * matrix.columns(), 1}, bias,
                  result.data() + n * matrix.rows(), threads);
  }
  return result;
}

// A matrix filled part by part.
stt::Int8Matrix filled(const stt::Int8Rows& weights, int64_t part) {
  stt::Int8Matrix matrix(weights.count, weights.columns);
  for (int64_t first = 0; first < weights.count; first += part) {
    matrix.fill(first, {weights.values + first * weights.stride,
                        std::min(part, weights.count - first), weights.columns, weights.stride});
  }
  return matrix;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  const int rows = input.below(140), columns = input.below(256), count = input.below(20);
  const int threads = input.below(4);
  std::vector<int8_t> weights(static_cast<size_t>(rows * columns));
  std::vector<float> x(static_cast<size_t>(count * columns));
  const bool full = input.flag();  // extreme sums
  for (int8_t& weight : weights) weight = full ? int8_t{-128} : input.take<int8_t>();
  for (float& value : x) value = take_value(input);
  std::vector<float> bias(static_cast<size_t>(rows));
  for (float& value : bias) value = static_cast<float>(input.take<int8_t>());
  const stt::Int8Rows stored{weights.data(), rows, columns, columns};
  const stt::Int8Matrix matrix = filled(stored, 1 + input.below(rows + 1));
  const float* offsets = input.flag() ? bias.data() : nullptr;
  std::vector<float> first;
  for (const std::string& name : stt::int8_kernels()) {
    stt::use_int8_kernel(name);
    std::vector<float> result(static_cast<size_t>(count * rows));
    stt::multiply(matrix, kScale, {x.data(), count}, offsets, result.data(), threads);
    for (int n = 0; n < count; ++n) {
      const bool finite = is_finite(x.data() + n * columns, columns);
      for (int r = 0; r < rows; ++r) {
        const float value = result[static_cast<size_t>(n * rows + r)];
        if (finite == std::isnan(value)) std::abort();
      }
    }
    if (first.empty()) first = result;
    if (!first.empty() &&
        std::memcmp(first.data(), result.data(), sizeof(float) * first.size()) != 0)
      std::abort();
    for (const std::vector<float>& again :
         {product_of_halves(stored, x, count, offsets, threads),
          product_row_by_row(matrix, x, count, offsets, threads)}) {
      if (!std::equal(again.begin(), again.end(), result.begin(), is_same)) std::abort();
    }
  }
  return 0;
}
