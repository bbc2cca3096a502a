// Who fits into a beam: the best so many by score, and of equals those with the lower label.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace stt {

class LastPlace {
 public:
  // Finds the score of the `places`-th best of two lists, of which there must be as many, without
  // sorting: scores are counted by range, and only the range that holds the last place is looked
  // at closely. Scores below `lowest` are as good as `lowest`.
  float find(std::span<const float> first, std::span<const float> second, size_t places,
             float lowest, float highest);

  // How many that score exactly the last place do not fit. Valid after `find`.
  size_t surplus() const { return surplus_; }

 private:
  static constexpr int kRanges = 512;
  std::vector<uint32_t> counts_;
  std::vector<uint16_t> ranges_;
  std::vector<float> close_;
  size_t surplus_ = 0;
};

}  // namespace stt
