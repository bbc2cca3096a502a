#include "search/batch.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <string>
#include <thread>

#include "errors.h"

namespace stt {

template <typename Real>
std::vector<std::vector<Hypothesis>> decode_batch(const PosteriorBatch<Real>& batch,
                                                  const DecoderOptions& options,
                                                  const std::shared_ptr<const Scorer>& scorer,
                                                  int64_t num_results, int threads) {
  const size_t utterances = batch.lengths.size();
  for (size_t i = 0; i < utterances; ++i) {
    if (batch.lengths[i] >= 0 && batch.lengths[i] <= batch.frames) continue;
    throw DecodeError("utterance " + std::to_string(i) + ": length " +
                      std::to_string(batch.lengths[i]) + " is outside 0.." +
                      std::to_string(batch.frames));
  }
  std::vector<std::vector<Hypothesis>> results(utterances);
  std::vector<std::exception_ptr> errors(utterances);
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = next++; i < utterances; i = next++) {
      try {
        BeamSearch search(options, scorer);
        search.feed(batch.probs + static_cast<int64_t>(i) * batch.frames * batch.classes,
                    batch.lengths[i]);
        results[i] = search.decode(num_results);
      } catch (const DecodeError& error) {
        errors[i] = std::make_exception_ptr(
            DecodeError("utterance " + std::to_string(i) + ": " + error.what()));
      } catch (...) {
        errors[i] = std::current_exception();
      }
    }
  };
  const auto helpers = std::min(static_cast<size_t>(std::max(threads, 1)), utterances);
  {
    std::vector<std::jthread> pool;
    for (size_t i = 1; i < helpers; ++i) pool.emplace_back(work);
    work();
  }
  for (const auto& error : errors) {
    if (error) std::rethrow_exception(error);
  }
  return results;
}

template std::vector<std::vector<Hypothesis>> decode_batch(const PosteriorBatch<float>&,
                                                           const DecoderOptions&,
                                                           const std::shared_ptr<const Scorer>&,
                                                           int64_t, int);
template std::vector<std::vector<Hypothesis>> decode_batch(const PosteriorBatch<double>&,
                                                           const DecoderOptions&,
                                                           const std::shared_ptr<const Scorer>&,
                                                           int64_t, int);

}  // namespace stt
