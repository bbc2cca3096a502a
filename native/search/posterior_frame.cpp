#include "search/posterior_frame.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "errors.h"

namespace stt {
namespace {

constexpr double kSumTolerance = 0.01;

}  // namespace

PosteriorFrame::PosteriorFrame(int classes, int blank, std::vector<bool> ignored,
                               double cutoff_prob, int64_t cutoff_top_n)
    : classes_(classes),
      blank_(blank),
      ignored_(std::move(ignored)),
      cutoff_prob_(cutoff_prob),
      cutoff_top_n_(cutoff_top_n),
      probs_(static_cast<size_t>(classes)),
      log_probs_(static_cast<size_t>(classes) + 1, kLogZero),
      blank_rival_(static_cast<size_t>(classes) + 1, kLogZero) {
  for (int c = 0; c < classes; ++c) {
    if (c != blank && !ignored_[static_cast<size_t>(c)]) all_labels_.push_back(c);
  }
}

template <typename Real>
void PosteriorFrame::check(const Real* row, int64_t number) const {
  double sum = 0;
  bool negative = false;
  for (int c = 0; c < classes_; ++c) {
    sum += static_cast<double>(row[c]);
    negative |= row[c] < 0;
  }
  if (std::abs(sum - 1) <= kSumTolerance && !negative) return;
  const std::string where = "frame " + std::to_string(number) + " of the posteriors ";
  if (!std::isfinite(sum)) {
    throw DecodeError(where + "holds NaN or infinity; the model's weights or its input are broken");
  }
  throw DecodeError(where + "is not a distribution: it sums to " + std::to_string(sum) +
                    (negative ? " and has negative entries" : "") +
                    "; these look like logits: apply a softmax over the classes first");
}
template void PosteriorFrame::check(const float*, int64_t) const;
template void PosteriorFrame::check(const double*, int64_t) const;

template <typename Real>
void PosteriorFrame::read(const Real* row) {
  for (int c = 0; c < classes_; ++c) {
    probs_[static_cast<size_t>(c)] = static_cast<float>(row[c]);
  }
  blank_prob_ = static_cast<double>(row[blank_]);
}
template void PosteriorFrame::read(const float*);
template void PosteriorFrame::read(const double*);

void PosteriorFrame::take_logs(bool with_cutoff) {
  frame_kernel().take_logs(probs_.data(), classes_, log_probs_.data());
  for (int c = 0; c < classes_; ++c) {
    if (ignored_[static_cast<size_t>(c)]) log_probs_[static_cast<size_t>(c)] = kLogZero;
  }
  labels_ = all_labels_;
  if (with_cutoff && cutoff_prob_ < 1) cut();

  // A blank that is taken before a label does not contest the label's timestep. Upstream takes
  // classes in order of probability where a cutoff is set, else in their own order.
  const bool sorted = cutoff_prob_ < 1 || cutoff_top_n_ < classes_;
  const auto blank = static_cast<size_t>(blank_);
  for (size_t c = 0; c < static_cast<size_t>(classes_); ++c) {
    const bool blank_first = sorted ? probs_[blank] > probs_[c] : blank < c;
    blank_rival_[c] = blank_first ? kLogZero : log_probs_[blank];
  }
}

// Leaves the likeliest classes, up to their cumulative probability and number.
void PosteriorFrame::cut() {
  ranking_.clear();
  for (int c = 0; c < classes_; ++c) {
    if (!ignored_[static_cast<size_t>(c)]) ranking_.emplace_back(probs_[static_cast<size_t>(c)], c);
  }
  std::sort(ranking_.begin(), ranking_.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  });
  labels_.clear();
  double mass = 0;
  int64_t taken = 0;
  for (const auto& [prob, label] : ranking_) {
    if (mass >= cutoff_prob_ || taken >= cutoff_top_n_) {
      log_probs_[static_cast<size_t>(label)] = kLogZero;
      continue;
    }
    mass += static_cast<double>(prob);
    ++taken;
    if (label != blank_) labels_.push_back(label);
  }
}

}  // namespace stt
