// One row of posteriors: its check, its cutoff and its logarithms.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "kernels/frame_kernel.h"

namespace stt {

class PosteriorFrame {
 public:
  // `ignored`: classes that are never emitted. See DecoderOptions for the cutoffs.
  PosteriorFrame(int classes, int blank, std::vector<bool> ignored, double cutoff_prob,
                 int64_t cutoff_top_n);

  // Throws DecodeError if a row of `classes` numbers is not a distribution; `number` is the frame
  // number in the message.
  template <typename Real>
  void check(const Real* row, int64_t number) const;
  // Reads a row that `check` has accepted.
  template <typename Real>
  void read(const Real* row);
  // Takes logarithms of the classes that the cutoff leaves, or of all.
  void take_logs(bool with_cutoff);

  double blank_prob() const { return blank_prob_; }
  float log_prob(int label) const { return log_probs_[static_cast<size_t>(label)]; }
  // The classes that the cutoff leaves, without the blank.
  const std::vector<int>& labels() const { return labels_; }
  FrameView view(float min_cutoff) const {
    return {log_probs_.data(), blank_rival_.data(), log_prob(blank_), min_cutoff};
  }

 private:
  void cut();

  const int classes_, blank_;
  const std::vector<bool> ignored_;
  const double cutoff_prob_;
  const int64_t cutoff_top_n_;
  std::vector<int> all_labels_, labels_;
  double blank_prob_ = 0;
  std::vector<float> probs_, log_probs_, blank_rival_;
  std::vector<std::pair<float, int>> ranking_;
};

}  // namespace stt
