// Which prefixes fit into a beam: the best by score; among equal scores, those with lower labels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace stt {

class LastPlace {
 public:
  // Finds the `places`-th best score of two lists, which must hold at least `places`, without
  // sorting: it counts scores by range and examines only the range that holds the last place.
  // Scores below `lowest` are counted as `lowest`.
  float find(std::span<const float> first, std::span<const float> second, size_t places,
             float lowest, float highest);

  // Whether more scores equal the last place's than fit. Valid after `find`.
  bool is_contested() const { return surplus_ > 0; }
  // Decides which of those fit. `labels` holds the label of each; lower labels fit first, and among
  // equal labels the first to call `admits`.
  void settle(std::vector<int32_t> labels);
  // Whether the next prefix at the last place fits. Valid after `settle`.
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
