// Whatever the posteriors, settings and hot words are, with a scorer or without: they are refused
// with a DecodeError, or give results with finite scores, best first.

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "errors.h"
#include "fuzz_input.h"
#include "lm/scorer.h"
#include "memory_file.h"
#include "search/batch.h"
#include "search/beam_search.h"
#include "small_scorer.h"

namespace {

using stt::ScoredUnit;
using stt::fuzz::Input;
using ScorerPointer = std::shared_ptr<const stt::Scorer>;

constexpr int kFrames = 30;
constexpr int64_t kWideBeam = 500;

ScorerPointer open_scorer(stt::fuzz::Trie trie, ScoredUnit unit) {
  const auto bytes = stt::fuzz::small_scorer(trie, unit);
  const auto labels = stt::fuzz::labels_of(unit);
  return std::make_shared<stt::Scorer>(stt::fuzz::MemoryFile(bytes).path(), labels, "");
}

ScorerPointer take_scorer(Input& input) {
  using stt::fuzz::Trie;
  static const ScorerPointer scorers[] = {
      nullptr,
      open_scorer(Trie::kPlain, ScoredUnit::kWord),
      open_scorer(Trie::kQuantisedArray, ScoredUnit::kCodePoint),
      open_scorer(Trie::kArray, ScoredUnit::kLabel),
  };
  return scorers[input.below(4)];
}

std::vector<int> take_spelling(Input& input, int classes) {
  std::vector<int> labels;
  for (int length = input.below(6); length > 0; --length) labels.push_back(input.below(classes));
  return labels;
}

stt::DecoderOptions take_options(Input& input, const ScorerPointer& scorer) {
  stt::DecoderOptions o;
  if (scorer != nullptr) {
    o.classes = scorer->labels().size() + 1;
    o.space = scorer->labels().space;
    o.is_bytes = scorer->is_utf8();
    o.alpha = input.flag() ? input.take<double>() : input.below(40) / 10.0 - 1;
    o.beta = input.flag() ? input.take<double>() : input.below(40) / 10.0 - 1;
    for (int i = input.below(3); i > 0; --i) {
      o.hot_words[i == 1 ? "abba" : "bad"] = input.flag() ? input.take<float>() : 3.0f;
    }
  } else {
    o.classes = input.below(100);
    o.space = std::min(input.below(3), o.classes) - 1;
    o.blank = input.take<int8_t>();
  }
  o.beam_size = input.below(8) == 0 ? input.take<int64_t>() : input.take<int8_t>();
  o.cutoff_top_n = input.below(8) == 0 ? input.take<int64_t>() : input.take<int8_t>();
  o.cutoff_prob = input.below(8) == 0 ? input.take<double>() : input.take<uint8_t>() / 250.0;
  for (int i = input.below(4); i > 0 && o.classes > 1; --i) {
    const float boost = input.flag() ? input.take<float>() : static_cast<float>(input.below(9)) - 3;
    o.hot_phrases.push_back({take_spelling(input, o.classes), boost});
  }
  for (int i = input.below(4); i > 1 && o.classes > 1; --i) {
    o.ignored.resize(static_cast<size_t>(o.classes));
    o.ignored[static_cast<size_t>(input.below(o.classes))] = true;
  }
  return o;
}

// Rows that are distributions, more or less, or anything.
template <typename Real>
std::vector<Real> take_row(Input& input, int classes) {
  std::vector<Real> row(static_cast<size_t>(classes));
  if (input.below(16) == 0) {
    for (Real& value : row) value = input.take<Real>();
    return row;
  }
  // A few likely classes and a floor under all, which may be zero.
  const Real floor = input.flag() ? Real{0} : Real{1e-3f};
  for (Real& value : row) value = floor;
  for (int peaks = 1 + input.below(4); peaks > 0; --peaks) {
    row[static_cast<size_t>(input.below(classes))] += Real{0.01f} + input.take<uint8_t>();
  }
  Real sum = 0;
  for (const Real value : row) sum += value;
  for (Real& value : row) value /= sum;
  return row;
}

void check(const std::vector<stt::Hypothesis>& hypotheses, const stt::DecoderOptions& options) {
  if (hypotheses.empty()) std::abort();
  for (size_t i = 0; i < hypotheses.size(); ++i) {
    const auto& h = hypotheses[i];
    if (!std::isfinite(h.confidence) || h.tokens.size() != h.timesteps.size()) std::abort();
    if (i > 0 && h.confidence > hypotheses[i - 1].confidence) std::abort();
    for (size_t t = 0; t < h.tokens.size(); ++t) {
      if (h.tokens[t] < 0 || h.tokens[t] >= options.classes) std::abort();
      if (h.timesteps[t] < 0 || h.timesteps[t] >= kFrames) std::abort();
    }
  }
}

template <typename Real>
void decode(Input& input, const stt::DecoderOptions& options, const ScorerPointer& scorer) {
  stt::BeamSearch search(options, scorer);
  // Wide beams double in every frame until they are full.
  const int limit = options.beam_size > kWideBeam ? 2 : kFrames;
  std::vector<Real> all;
  for (int t = 0; t < limit && !input.is_empty(); ++t) {
    const auto row = take_row<Real>(input, options.classes);
    search.feed(row.data(), 1);
    all.insert(all.end(), row.begin(), row.end());
    if (input.below(4) == 0) check(stt::BeamSearch(search).decode(3), options);
  }
  const auto results = search.decode(1 + input.take<uint8_t>());
  check(results, options);
  if (input.below(4) != 0) return;
  const auto frames = static_cast<int64_t>(all.size()) / options.classes;
  const stt::PosteriorBatch<Real> batch{all.data(), frames, options.classes, {frames}};
  const auto again = stt::decode_batch(batch, options, scorer, 1, 2);
  if (again.at(0).at(0).tokens != results.front().tokens) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  try {
    const ScorerPointer scorer = take_scorer(input);
    const stt::DecoderOptions options = take_options(input, scorer);
    if (input.flag()) {
      decode<float>(input, options, scorer);
    } else {
      decode<double>(input, options, scorer);
    }
  } catch (const stt::DecodeError&) {
    return 0;  // what bad input has to give
  }
  return 0;
}
