#include <atomic>
#include <vector>

#include "kernels/frame_kernel.h"

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

namespace {

std::vector<const FrameKernel*> find_kernels() {
  std::vector<const FrameKernel*> kernels;
#ifdef STT_X86_KERNELS
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw")) {
    kernels.push_back(&avx512::kernel);
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    kernels.push_back(&avx2::kernel);
  }
#endif
  kernels.push_back(&baseline::kernel);
  return kernels;
}

std::atomic<const FrameKernel*>& chosen() {
  static std::atomic<const FrameKernel*> kernel{frame_kernels().front()};
  return kernel;
}

}  // namespace

std::span<const FrameKernel* const> frame_kernels() {
  static const std::vector<const FrameKernel*> kernels = find_kernels();
  return kernels;
}

const FrameKernel& frame_kernel() { return *chosen().load(std::memory_order_relaxed); }

void use_frame_kernel(const FrameKernel& kernel) {
  chosen().store(&kernel, std::memory_order_relaxed);
}

}  // namespace stt
