// Whatever a scorer file holds: it is refused with a ScorerError, or can be decoded with.

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "errors.h"
#include "lm/scorer.h"
#include "memory_file.h"
#include "search/beam_search.h"
#include "small_scorer.h"

namespace {

std::vector<float> make_posteriors(int frames, int classes) {
  std::mt19937 random(7);
  std::vector<float> probs;
  for (int t = 0; t < frames; ++t) {
    std::vector<float> row;
    float sum = 0;
    for (int c = 0; c < classes; ++c) {
      const float value = static_cast<float>(random() % 1000) / 1000.0f;
      row.push_back(value * value * value * value + 1e-6f);
      sum += row.back();
    }
    for (const float value : row) probs.push_back(value / sum);
  }
  return probs;
}

void decode_with(const std::string& path, const stt::Labels& labels) {
  constexpr int kFrames = 12;
  try {
    const auto scorer = std::make_shared<stt::Scorer>(path, labels, std::string(32, 'x'));
    stt::DecoderOptions options;
    options.classes = labels.size() + 1;
    options.beam_size = 40;
    options.alpha = 0.9;
    options.beta = 1.2;
    options.space = labels.space;
    options.is_bytes = labels.is_bytes;
    options.hot_words = {{"a", 3.0f}};
    if (!labels.is_bytes) options.hot_phrases.push_back({{3, 1, 20}, 2.0f});
    stt::BeamSearch search(options, scorer);
    search.feed(make_posteriors(kFrames, options.classes).data(), kFrames);
    for (const auto& hypothesis : search.decode(5)) {
      if (!std::isfinite(hypothesis.confidence)) std::abort();
    }
  } catch (const stt::ScorerError&) {
    return;  // what a broken file has to give
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const stt::fuzz::MemoryFile file({data, size});
  decode_with(file.path(), stt::fuzz::characters());
  decode_with(file.path(), stt::fuzz::all_bytes());
  return 0;
}
