// A product's work, shared among threads where there is enough of it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <thread>
#include <vector>

namespace stt {

constexpr int64_t kProductsWorthAThread = 1 << 20;

// Calls work(first, last) on ranges that make up [0, pieces), at the same time, one of them on this
// thread. `products` is how many multiplications all of it takes.
template <typename Work>
void share_work(int64_t pieces, int64_t products, int threads, const Work& work) {
  const int64_t parts =
      std::clamp<int64_t>(products / kProductsWorthAThread, 1, std::max(threads, 1));
  const int64_t share = std::max<int64_t>((pieces + parts - 1) / parts, 1);
  std::vector<std::jthread> helpers;
  for (int64_t first = share; first < pieces; first += share) {
    helpers.emplace_back(work, first, std::min(first + share, pieces));
  }
  work(int64_t{0}, std::min(share, pieces));
}

}  // namespace stt
