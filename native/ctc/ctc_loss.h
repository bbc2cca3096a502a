// The CTC loss of many clips, and what its gradient is made of: forward and backward over the trellis
// of each clip's labels (Graves et al. 2006, "Connectionist Temporal Classification", section 4).
#pragma once

#include <cstdint>
#include <span>

namespace stt {

// Log-probabilities [clips, frames, classes], contiguous; the last class is the blank. Of clip i the
// first `lengths[i]` frames count, and its labels are the next `label_lengths[i]` of `labels`.
struct CtcBatch {
  const float* log_probs = nullptr;
  int64_t clips = 0, frames = 0, classes = 0;
  std::span<const int64_t> lengths, labels, label_lengths;
};

// Writes the negative log-likelihood of each clip's labels to `losses` [clips]: infinite where no path
// says them, NaN where a log-probability is NaN or +infinity. Unless `occupancies` [clips, frames,
// classes] is null, adds to it how probably a path that says them is in each class in each frame, which
// is the negative gradient by the log-probabilities; nothing where the loss is not finite.
// Throws DecodeError, naming the clip, where lengths or labels do not fit.
void ctc_losses(const CtcBatch& batch, int threads, float* losses, float* occupancies);

}  // namespace stt
