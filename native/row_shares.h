// A product's rows, shared among threads where there is enough work.
#pragma once

#include <algorithm>
#include <cstdint>
#include <thread>
#include <vector>

namespace stt {

constexpr int64_t kProductsWorthAThread = 1 << 20;

// Calls work(first, last) on ranges that make up [0, rows), at the same time, the last on this thread.
template <typename Work>
void share_rows(int64_t rows, int64_t products, int threads, const Work& work) {
  const int64_t parts = std::clamp<int64_t>(products / kProductsWorthAThread, 1, std::max(threads, 1));
  const int64_t share = (rows / parts + 3) / 4 * 4;
  std::vector<std::jthread> helpers;
  for (int64_t first = share; first < rows; first += share) {
    helpers.emplace_back(work, first, std::min(first + share, rows));
  }
  work(int64_t{0}, std::min(share, rows));
}

}  // namespace stt
