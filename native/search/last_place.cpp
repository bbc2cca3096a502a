#include "search/last_place.h"

#include <algorithm>
#include <functional>

namespace stt {

float LastPlace::find(std::span<const float> first, std::span<const float> second, size_t places,
                      float lowest, float highest) {
  const float scale = highest - lowest > 1e-6f ? (kRanges - 1) / (highest - lowest) : 0.0f;
  counts_.assign(kRanges, 0);
  ranges_.resize(first.size() + second.size());
  uint16_t* range = ranges_.data();
  for (const auto scores : {first, second}) {
    for (size_t i = 0; i < scores.size(); ++i) {
      const float place = (scores[i] - lowest) * scale;
      range[i] = static_cast<uint16_t>(place < 0 ? 0 : place > kRanges - 1 ? kRanges - 1 : place);
    }
    range += scores.size();
  }
  for (const uint16_t r : ranges_) ++counts_[r];

  size_t above = 0;  // scores in higher ranges than the last place's
  int chosen = kRanges - 1;
  while (above + counts_[static_cast<size_t>(chosen)] < places)
    above += counts_[static_cast<size_t>(chosen--)];
  close_.clear();
  range = ranges_.data();
  for (const auto scores : {first, second}) {
    for (size_t i = 0; i < scores.size(); ++i) {
      if (range[i] == chosen) close_.push_back(scores[i]);
    }
    range += scores.size();
  }
  const auto last = close_.begin() + static_cast<std::ptrdiff_t>(places - above) - 1;
  std::nth_element(close_.begin(), last, close_.end(), std::greater<>());
  surplus_ = static_cast<size_t>(std::count(last + 1, close_.end(), *last));
  return *last;
}

void LastPlace::settle(std::vector<int32_t> labels) {
  std::sort(labels.begin(), labels.end());
  const auto end = labels.end() - static_cast<std::ptrdiff_t>(surplus_);
  last_label_ = *(end - 1);
  with_last_label_ = static_cast<size_t>(end - std::lower_bound(labels.begin(), end, last_label_));
}

bool LastPlace::admits(int32_t label) {
  if (label != last_label_) return label < last_label_;
  if (with_last_label_ == 0) return false;
  --with_last_label_;
  return true;
}

}  // namespace stt
