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

  // Whether more score exactly the last place than fit. Valid after `find`.
  bool is_contested() const { return surplus_ > 0; }
  // Decides who of those fits. `labels` has an entry for each; those with the lower label fit, and
  // of equal ones those that ask first.
  void settle(std::vector<int32_t> labels);
  // Whether the next one at the last place fits. Valid after `settle`.
  bool admits(int32_t label);

 private:
  static constexpr int kRanges = 512;
  std::vector<uint32_t> counts_;
  std::vector<uint16_t> ranges_;
  std::vector<float> close_;
  size_t surplus_ = 0;
  int32_t last_label_ = 0;      // the highest label that fits
  size_t with_last_label_ = 0;  // how many more of that label fit
};

}  // namespace stt
