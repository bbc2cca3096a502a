// The runtime's native part, for Python: stt._native.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <memory>

#include "float_product.h"
#include "int8_product.h"

namespace nb = nanobind;

namespace {

template <typename Value>
using Weights = nb::ndarray<const Value, nb::ndim<2>, nb::device::cpu>;  // rows may lie apart
using Rows = nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Column = std::optional<nb::ndarray<const float, nb::ndim<1>, nb::c_contig, nb::device::cpu>>;
using Output = nb::ndarray<nb::numpy, float, nb::ndim<2>>;

template <typename Value>
void check(const Weights<Value>& weights, const Rows& x, const Column& bias) {
  if (weights.stride(1) != 1 && weights.shape(1) > 1 && weights.shape(0) > 0) {
    throw nb::value_error("the weights of a row must lie side by side");
  }
  if (x.shape(1) != weights.shape(1) || (bias && bias->shape(0) != weights.shape(0))) {
    throw nb::value_error("the shapes of weights, input and bias do not go together");
  }
}

const float* data_of(const Column& column) { return column ? column->data() : nullptr; }

// Runs compute(result) without Python's lock.
template <typename Compute>
Output computed(size_t count, size_t rows, const Compute& compute) {
  auto result = std::make_unique<float[]>(count * rows);
  {
    const nb::gil_scoped_release unlocked;
    compute(result.get());
  }
  float* values = result.release();
  nb::capsule owner(values, [](void* pointer) noexcept { delete[] static_cast<float*>(pointer); });
  return Output(values, {count, rows}, owner);
}

Output multiply_int8(const Weights<int8_t>& weights, float scale, const Rows& x, const Column& bias,
                     const Column& peaks, int threads) {
  check(weights, x, bias);
  if (peaks && peaks->shape(0) != x.shape(0)) {
    throw nb::value_error("the shapes of input and peaks do not go together");
  }
  const stt::Int8Matrix matrix{weights.data(), static_cast<int64_t>(weights.shape(0)),
                               static_cast<int64_t>(weights.shape(1)), weights.stride(0), scale};
  return computed(x.shape(0), weights.shape(0), [&](float* out) {
    stt::multiply(matrix, x.data(), static_cast<int64_t>(x.shape(0)), data_of(bias), data_of(peaks),
                  out, threads);
  });
}

Output multiply_float(const Weights<float>& weights, const Rows& x, const Column& bias,
                      int threads) {
  check(weights, x, bias);
  const stt::FloatMatrix matrix{weights.data(), static_cast<int64_t>(weights.shape(0)),
                                static_cast<int64_t>(weights.shape(1)), weights.stride(0)};
  return computed(x.shape(0), weights.shape(0), [&](float* out) {
    stt::multiply(matrix, x.data(), static_cast<int64_t>(x.shape(0)), data_of(bias), out, threads);
  });
}

}  // namespace

NB_MODULE(_native, module) {
  module.def("multiply_int8", &multiply_int8, nb::arg("weights"), nb::arg("scale"), nb::arg("x"),
             nb::arg("bias").none(), nb::arg("peaks").none(), nb::arg("threads"));
  module.def("multiply_float", &multiply_float, nb::arg("weights"), nb::arg("x"),
             nb::arg("bias").none(), nb::arg("threads"));
  module.def("int8_kernels", &stt::int8_kernels);
  module.def("use_int8_kernel", &stt::use_int8_kernel, nb::arg("name"));
  module.def("float_kernels", &stt::float_kernels);
  module.def("use_float_kernel", &stt::use_float_kernel, nb::arg("name"));
}
