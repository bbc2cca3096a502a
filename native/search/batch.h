// Decoding many utterances on several threads.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "search/beam_search.h"

namespace stt {

// Posteriors [batch, frames, classes], contiguous; utterance i has `lengths[i]` valid frames.
template <typename Real>
struct PosteriorBatch {
  const Real* probs = nullptr;
  int64_t frames = 0, classes = 0;
  std::vector<int64_t> lengths;
};

// Throws DecodeError, naming the utterance, for the first utterance that cannot be decoded.
template <typename Real>
std::vector<std::vector<Hypothesis>> decode_batch(const PosteriorBatch<Real>& batch,
                                                  const DecoderOptions& options,
                                                  const std::shared_ptr<const Scorer>& scorer,
                                                  int64_t num_results, int threads);

}  // namespace stt
