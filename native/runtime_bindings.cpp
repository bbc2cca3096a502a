// The runtime's native part, for Python: stt._native.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "activations.h"
#include "float_product.h"
#include "int8_product.h"

namespace nb = nanobind;

namespace {

template <typename Value>
using Weights = nb::ndarray<const Value, nb::ndim<2>, nb::device::cpu>;  // rows may lie apart
using Rows = nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Column = std::optional<nb::ndarray<const float, nb::ndim<1>, nb::c_contig, nb::device::cpu>>;
using Sums = std::optional<nb::ndarray<const int32_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>>;
using Values = nb::ndarray<const float, nb::c_contig, nb::device::cpu>;
template <typename Value>
using Output = nb::ndarray<nb::numpy, Value, nb::ndim<2>>;

template <typename Value>
void check(const Weights<Value>& weights, const Rows& x, const Column& bias) {
  if (weights.stride(1) != 1 && weights.shape(1) > 1 && weights.shape(0) > 0) {
    throw nb::value_error("the weights of a row must lie side by side");
  }
  if (x.shape(1) != weights.shape(1) || (bias && bias->shape(0) != weights.shape(0))) {
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
  auto result = std::make_unique<Value[]>(size);
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
Output<Value> computed_rows(size_t count, size_t rows, const Compute& compute) {
  const auto [values, owner] = computed<Value>(count * rows, compute);
  return Output<Value>(values, {count, rows}, owner);
}

stt::Int8Matrix int8_matrix(const Weights<int8_t>& weights, float scale) {
  return {weights.data(), static_cast<int64_t>(weights.shape(0)),
          static_cast<int64_t>(weights.shape(1)), weights.stride(0), scale};
}

void check_peaks(const Rows& x, const Column& peaks) {
  if (peaks && peaks->shape(0) != x.shape(0)) {
    throw nb::value_error("the shapes of input and peaks do not go together");
  }
}

Output<float> multiply_int8(const Weights<int8_t>& weights, float scale, const Rows& x,
                            const Column& bias, const Column& peaks, const Sums& addends,
                            int threads) {
  check(weights, x, bias);
  check_peaks(x, peaks);
  if (addends && (addends->shape(0) != x.shape(0) || addends->shape(1) != weights.shape(0))) {
    throw nb::value_error("the shapes of weights, input and addends do not go together");
  }
  const stt::FloatRows rows{x.data(), static_cast<int64_t>(x.shape(0)), data_of(peaks),
                            data_of(addends)};
  return computed_rows<float>(x.shape(0), weights.shape(0), [&](float* out) {
    stt::multiply(int8_matrix(weights, scale), rows, data_of(bias), out, threads);
  });
}

Output<int32_t> sum_int8(const Weights<int8_t>& weights, const Rows& x, const Column& peaks,
                         int threads) {
  check(weights, x, std::nullopt);
  check_peaks(x, peaks);
  const stt::FloatRows rows{x.data(), static_cast<int64_t>(x.shape(0)), data_of(peaks), nullptr};
  return computed_rows<int32_t>(x.shape(0), weights.shape(0), [&](int32_t* out) {
    stt::sum(int8_matrix(weights, 1), rows, out, threads);
  });
}

Output<float> multiply_float(const Weights<float>& weights, const Rows& x, const Column& bias,
                             int threads) {
  check(weights, x, bias);
  const stt::FloatMatrix matrix{weights.data(), static_cast<int64_t>(weights.shape(0)),
                                static_cast<int64_t>(weights.shape(1)), weights.stride(0)};
  return computed_rows<float>(x.shape(0), weights.shape(0), [&](float* out) {
    stt::multiply(matrix, x.data(), static_cast<int64_t>(x.shape(0)), data_of(bias), out, threads);
  });
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
  module.def("multiply_int8", &multiply_int8, nb::arg("weights"), nb::arg("scale"), nb::arg("x"),
             nb::arg("bias").none(), nb::arg("peaks").none(), nb::arg("addends").none(),
             nb::arg("threads"));
  module.def("sum_int8", &sum_int8, nb::arg("weights"), nb::arg("x"), nb::arg("peaks").none(),
             nb::arg("threads"));
  module.def("multiply_float", &multiply_float, nb::arg("weights"), nb::arg("x"),
             nb::arg("bias").none(), nb::arg("threads"));
  module.def("hyperbolic_tangent", &activated<stt::hyperbolic_tangent>, nb::arg("x"));
  module.def("logistic", &activated<stt::logistic>, nb::arg("x"));
  module.def("int8_kernels", &stt::int8_kernels);
  module.def("use_int8_kernel", &stt::use_int8_kernel, nb::arg("name"));
  module.def("float_kernels", &stt::float_kernels);
  module.def("use_float_kernel", &stt::use_float_kernel, nb::arg("name"));
}
