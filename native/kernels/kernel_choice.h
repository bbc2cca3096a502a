// The choice between implementations of the same arithmetic: the fastest, unless a test chooses
// another.
#pragma once

#include <atomic>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stt {

// `Kernel` has a `name`.
template <typename Kernel>
class KernelChoice {
 public:
  explicit KernelChoice(std::vector<Kernel> fastest_first)
      : kernels_(std::move(fastest_first)), chosen_(&kernels_.front()) {}

  const Kernel& chosen() const { return *chosen_.load(std::memory_order_relaxed); }
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const Kernel& kernel : kernels_) names.emplace_back(kernel.name);
    return names;
  }
  // Throws std::invalid_argument if this processor runs no kernel of that name.
  void use(std::string_view name) {
    for (const Kernel& kernel : kernels_) {
      if (name == kernel.name) return chosen_.store(&kernel, std::memory_order_relaxed);
    }
    throw std::invalid_argument("this processor runs no kernel '" + std::string(name) + "'");
  }

 private:
  const std::vector<Kernel> kernels_;
  std::atomic<const Kernel*> chosen_;
};

}  // namespace stt
