// The CTC loss of a batch of clips, and the occupancies that give its gradient, by the forward and
// backward algorithm (Graves et al. 2006, "Connectionist Temporal Classification", section 4).
#pragma once

#include <cstdint>
#include <span>

namespace stt {

// Log-probabilities [clips, frames, classes], contiguous; the last class is the blank. Clip i has
// `lengths[i]` valid frames. `labels` concatenates the labels of all clips; clip i has
// `label_lengths[i]` of them.
struct CtcBatch {
  const float* log_probs = nullptr;
  int64_t clips = 0, frames = 0, classes = 0;
  std::span<const int64_t> lengths, labels, label_lengths;
};

// Writes the negative log-likelihood of each clip's labels to `losses` [clips]. The loss is
// infinite if no path gives the labels, and NaN if a log-probability of the labels or of the blank
// is NaN or +infinity. Unless `occupancies` [clips, frames, classes] is null, adds to it the
// posterior probability of each class in each frame, given the labels. This is the negative
// gradient with respect to the log-probabilities. Clips without a finite loss add nothing. Throws
// DecodeError, naming the clip, if lengths or labels do not fit.
void ctc_losses(const CtcBatch& batch, int threads, float* losses, float* occupancies);

}  // namespace stt
