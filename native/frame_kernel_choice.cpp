#include "frame_kernel.h"

namespace stt {

namespace baseline {
extern const FrameKernel kernel;
}
#ifdef STT_X86_KERNELS
namespace avx2 {
extern const FrameKernel kernel;
}
namespace avx512 {
extern const FrameKernel kernel;
}
#endif

const FrameKernel& frame_kernel() {
#ifdef STT_X86_KERNELS
  static const FrameKernel& chosen = []() -> const FrameKernel& {
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw")) {
      return avx512::kernel;
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return avx2::kernel;
    return baseline::kernel;
  }();
  return chosen;
#else
  return baseline::kernel;
#endif
}

}  // namespace stt
