// The runtime's native part, for Python: stt._native.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "products/activations.h"
#include "products/float_product.h"
#include "products/int8_product.h"
#include "products/lstm.h"

namespace nb = nanobind;

namespace {

template <typename Value>
using Weights = nb::ndarray<const Value, nb::ndim<2>, nb::device::cpu>;  // rows may lie apart
using Rows = nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Column = std::optional<nb::ndarray<const float, nb::ndim<1>, nb::c_contig, nb::device::cpu>>;
using Sums = std::optional<nb::ndarray<const int32_t, nb::ndim<2>, nb::device::cpu>>;
using Values = nb::ndarray<const float, nb::c_contig, nb::device::cpu>;
template <typename Value>
using Output = nb::ndarray<nb::numpy, Value, nb::ndim<2>>;

template <typename Value>
void check_rows(const Weights<Value>& matrix) {
  if (matrix.stride(1) != 1 && matrix.shape(1) > 1 && matrix.shape(0) > 0) {
    throw nb::value_error("the values of a row must lie side by side");
  }
}

void check_shapes(int64_t rows, int64_t columns, const Rows& x, const Column& bias) {
  if (static_cast<int64_t>(x.shape(1)) != columns ||
      (bias && static_cast<int64_t>(bias->shape(0)) != rows)) {
    throw nb::value_error("the shapes of weights, input and bias do not go together");
  }
}

template <typename Array>
auto data_of(const std::optional<Array>& array) {
  return array ? array->data() : nullptr;
}

// Runs compute(result) without Python's lock, and returns an array of its own that holds `size`
// values.
template <typename Value, typename Compute>
std::pair<Value*, nb::capsule> computed(size_t size, const Compute& compute) {
  auto result = std::make_unique_for_overwrite<Value[]>(size);
  {
    const nb::gil_scoped_release unlocked;
    compute(result.get());
  }
  Value* values = result.release();
  return {values, nb::capsule(values, [](void* pointer) noexcept {
            delete[] static_cast<Value*>(pointer);
          })};
}

template <typename Value, typename Compute>
Output<Value> computed_rows(size_t count, int64_t rows, const Compute& compute) {
  const auto [values, owner] = computed<Value>(count * static_cast<size_t>(rows), compute);
  return Output<Value>(values, {count, static_cast<size_t>(rows)}, owner);
}

stt::Int8Rows int8_rows(const Weights<int8_t>& weights) {
  check_rows(weights);
  return {weights.data(), static_cast<int64_t>(weights.shape(0)),
          static_cast<int64_t>(weights.shape(1)), weights.stride(0)};
}

void check_peaks(const Rows& x, const Column& peaks) {
  if (peaks && peaks->shape(0) != x.shape(0)) {
    throw nb::value_error("the shapes of input and peaks do not go together");
  }
}

Output<float> multiply_int8(const stt::Int8Matrix& weights, float scale, const Rows& x,
                            const Column& bias, const Column& peaks, const Sums& addends,
                            int threads) {
  check_shapes(weights.rows(), weights.columns(), x, bias);
  check_peaks(x, peaks);
  stt::FloatRows rows{x.data(), static_cast<int64_t>(x.shape(0)), data_of(peaks)};
  if (addends) {
    if (addends->shape(0) != x.shape(0) ||
        static_cast<int64_t>(addends->shape(1)) != weights.rows()) {
      throw nb::value_error("the shapes of weights, input and addends do not go together");
    }
    check_rows(*addends);
    rows.addends = addends->data();
    rows.addends_stride = addends->stride(0);
  }
  return computed_rows<float>(x.shape(0), weights.rows(), [&](float* out) {
    stt::multiply(weights, scale, rows, data_of(bias), out, threads);
  });
}

Output<int32_t> sum_int8(const stt::Int8Matrix& weights, const Rows& x, const Column& peaks,
                         int threads) {
  check_shapes(weights.rows(), weights.columns(), x, std::nullopt);
  check_peaks(x, peaks);
  const stt::FloatRows rows{x.data(), static_cast<int64_t>(x.shape(0)), data_of(peaks)};
  return computed_rows<int32_t>(x.shape(0), weights.rows(), [&](int32_t* out) {
    stt::sum(weights, rows, out, threads);
  });
}

stt::FloatMatrix float_matrix(const Weights<float>& weights) {
  check_rows(weights);
  return {weights.data(), static_cast<int64_t>(weights.shape(0)),
          static_cast<int64_t>(weights.shape(1)), weights.stride(0)};
}

Output<float> multiply_float(const Weights<float>& weights, const Rows& x, const Column& bias,
                             int threads) {
  const stt::FloatMatrix matrix = float_matrix(weights);
  check_shapes(matrix.rows, matrix.columns, x, bias);
  return computed_rows<float>(x.shape(0), matrix.rows, [&](float* out) {
    stt::multiply(matrix, x.data(), static_cast<int64_t>(x.shape(0)), data_of(bias), out, threads);
  });
}

using Steps = nb::ndarray<const float, nb::ndim<3>, nb::c_contig, nb::device::cpu>;
using StepsOutput = nb::ndarray<nb::numpy, float, nb::ndim<3>>;

struct LstmShape {
  int64_t x_rows, x_columns, h_rows, h_columns;
};

// Runs an LSTM of either kind on x [streams, steps, columns], from h and c [streams, hidden] on;
// returns h of all steps, [streams, steps, hidden], and the last c.
template <typename Lstm>
std::pair<StepsOutput, Output<float>> lstm_run(const Lstm& lstm, const LstmShape& weights,
                                               const Column& bias, const Steps& x, const Rows& h,
                                               const Rows& c, int threads) {
  const size_t streams = x.shape(0), steps = x.shape(1), hidden = h.shape(1);
  const auto columns = static_cast<int64_t>(x.shape(2)), units = static_cast<int64_t>(hidden);
  if (weights.x_rows != 4 * units || weights.h_rows != 4 * units ||
      weights.x_columns != columns || weights.h_columns != units ||
      (bias && bias->shape(0) != 4 * hidden) || h.shape(0) != streams || c.shape(0) != streams ||
      c.shape(1) != hidden) {
    throw nb::value_error("the shapes of weights, bias, input and state do not go together");
  }
  auto last_c = std::make_unique_for_overwrite<float[]>(streams * hidden);
  std::copy_n(c.data(), streams * hidden, last_c.get());
  const auto [all_h, owner] = computed<float>(streams * steps * hidden, [&](float* out) {
    const stt::LstmRun run{static_cast<int64_t>(streams), static_cast<int64_t>(steps), x.data(),
                           h.data(), last_c.get(), out};
    stt::run_lstm(lstm, run, threads);
  });
  float* of_c = last_c.release();
  const nb::capsule owner_of_c(of_c, [](void* pointer) noexcept {
    delete[] static_cast<float*>(pointer);
  });
  return {StepsOutput(all_h, {streams, steps, hidden}, owner),
          Output<float>(of_c, {streams, hidden}, owner_of_c)};
}

auto lstm_int8(const stt::Int8Matrix& x_weights, const stt::Int8Matrix& h_weights, float scale,
               const Column& bias, const Steps& x, const Rows& h, const Rows& c, int threads) {
  const stt::Int8Lstm lstm{x_weights, h_weights, scale, data_of(bias)};
  return lstm_run(
      lstm, {x_weights.rows(), x_weights.columns(), h_weights.rows(), h_weights.columns()}, bias, x,
      h, c, threads);
}

auto lstm_float(const Weights<float>& x_weights, const Weights<float>& h_weights,
                const Column& bias, const Steps& x, const Rows& h, const Rows& c, int threads) {
  const stt::FloatLstm lstm{float_matrix(x_weights), float_matrix(h_weights), data_of(bias)};
  return lstm_run(lstm, {lstm.x.rows, lstm.x.columns, lstm.h.rows, lstm.h.columns}, bias, x, h, c,
                  threads);
}

using Activation = void (*)(const float* x, int64_t size, float* y);

template <Activation Function>
nb::ndarray<nb::numpy, float> activated(const Values& x) {
  const auto [values, owner] = computed<float>(x.size(), [&](float* out) {
    Function(x.data(), static_cast<int64_t>(x.size()), out);
  });
  std::vector<size_t> shape(x.ndim());
  for (size_t axis = 0; axis < shape.size(); ++axis) shape[axis] = x.shape(axis);
  return nb::ndarray<nb::numpy, float>(values, shape.size(), shape.data(), owner);
}

}  // namespace

NB_MODULE(_native, module) {
  nb::class_<stt::Int8Matrix>(module, "Int8Matrix")
      .def(nb::init<int64_t, int64_t>(), nb::arg("rows"), nb::arg("columns"))
      .def(
          "fill",
          [](stt::Int8Matrix& self, int64_t first, const Weights<int8_t>& weights) {
            self.fill(first, int8_rows(weights));
          },
          nb::arg("first"), nb::arg("weights"))
      .def_prop_ro("shape", [](const stt::Int8Matrix& self) {
        return std::pair(self.rows(), self.columns());
      });
  module.def("multiply_int8", &multiply_int8, nb::arg("weights"), nb::arg("scale"), nb::arg("x"),
             nb::arg("bias").none(), nb::arg("peaks").none(), nb::arg("addends").none(),
             nb::arg("threads"));
  module.def("sum_int8", &sum_int8, nb::arg("weights"), nb::arg("x"), nb::arg("peaks").none(),
             nb::arg("threads"));
  // Of weights that are multiplied once.
  module.def(
      "multiply_int8",
      [](const Weights<int8_t>& weights, float scale, const Rows& x, const Column& bias,
         const Column& peaks, const Sums& addends, int threads) {
        return multiply_int8(stt::Int8Matrix(int8_rows(weights)), scale, x, bias, peaks, addends,
                             threads);
      },
      nb::arg("weights"), nb::arg("scale"), nb::arg("x"), nb::arg("bias").none(),
      nb::arg("peaks").none(), nb::arg("addends").none(), nb::arg("threads"));
  module.def(
      "sum_int8",
      [](const Weights<int8_t>& weights, const Rows& x, const Column& peaks, int threads) {
        return sum_int8(stt::Int8Matrix(int8_rows(weights)), x, peaks, threads);
      },
      nb::arg("weights"), nb::arg("x"), nb::arg("peaks").none(), nb::arg("threads"));
  module.def("multiply_float", &multiply_float, nb::arg("weights"), nb::arg("x"),
             nb::arg("bias").none(), nb::arg("threads"));
  module.def("lstm_int8", &lstm_int8, nb::arg("x_weights"), nb::arg("h_weights"), nb::arg("scale"),
             nb::arg("bias").none(), nb::arg("x"), nb::arg("h"), nb::arg("c"), nb::arg("threads"));
  module.def("lstm_float", &lstm_float, nb::arg("x_weights"), nb::arg("h_weights"),
             nb::arg("bias").none(), nb::arg("x"), nb::arg("h"), nb::arg("c"), nb::arg("threads"));
  module.def("hyperbolic_tangent", &activated<stt::hyperbolic_tangent>, nb::arg("x"));
  module.def("logistic", &activated<stt::logistic>, nb::arg("x"));
  module.def("int8_kernels", &stt::int8_kernels);
  module.def("use_int8_kernel", &stt::use_int8_kernel, nb::arg("name"));
  module.def("activation_kernels", &stt::activation_kernels);
  module.def("use_activation_kernel", &stt::use_activation_kernel, nb::arg("name"));
  module.def("float_kernels", &stt::float_kernels);
  module.def("use_float_kernel", &stt::use_float_kernel, nb::arg("name"));
}
