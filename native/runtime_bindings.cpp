// The runtime's native part, for Python: stt._native.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <memory>

#include "int8_product.h"

namespace nb = nanobind;

namespace {

template <typename Value, int Dimensions>
using Input = nb::ndarray<const Value, nb::ndim<Dimensions>, nb::c_contig, nb::device::cpu>;
using Output = nb::ndarray<nb::numpy, float, nb::ndim<2>>;

Output multiply(const Input<int8_t, 2>& weights, float scale, const Input<float, 2>& x,
                const std::optional<Input<float, 1>>& bias, int threads) {
  const stt::Int8Matrix matrix{weights.data(), static_cast<int64_t>(weights.shape(0)),
                               static_cast<int64_t>(weights.shape(1)), scale};
  if (x.shape(1) != weights.shape(1) || (bias && bias->shape(0) != weights.shape(0))) {
    throw nb::value_error("the shapes of weights, input and bias do not go together");
  }
  auto result = std::make_unique<float[]>(x.shape(0) * weights.shape(0));
  {
    const nb::gil_scoped_release unlocked;
    stt::multiply(matrix, x.data(), static_cast<int64_t>(x.shape(0)), bias ? bias->data() : nullptr,
                  result.get(), threads);
  }
  float* values = result.release();
  nb::capsule owner(values, [](void* pointer) noexcept { delete[] static_cast<float*>(pointer); });
  return Output(values, {x.shape(0), weights.shape(0)}, owner);
}

}  // namespace

NB_MODULE(_native, module) {
  module.def("multiply", &multiply, nb::arg("weights"), nb::arg("scale"), nb::arg("x"),
             nb::arg("bias").none(), nb::arg("threads"));
  module.def("kernels", &stt::int8_kernels);
  module.def("use_kernel", &stt::use_int8_kernel, nb::arg("name"));
}
