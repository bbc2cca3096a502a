#include "search/decoder_options.h"

#include <cmath>

#include "errors.h"

namespace stt {
namespace {

constexpr int64_t kLargestBeam = 1 << 24;
constexpr double kLargestWeight = 1e6;

bool is_weight(double value) { return std::isfinite(value) && std::abs(value) <= kLargestWeight; }

void check_boost(const std::string& what, float boost) {
  if (is_weight(static_cast<double>(boost))) return;
  throw DecodeError("the boost of " + what + " must be finite and within a million");
}

}  // namespace

DecoderOptions DecoderOptions::checked() const {
  DecoderOptions o = *this;
  if (o.classes < 2) {
    throw DecodeError("the posteriors have " + std::to_string(o.classes) +
                      " classes; a label and the blank are the least");
  }
  if (o.blank < 0) o.blank = o.classes - 1;
  if (o.blank >= o.classes) {
    throw DecodeError("blank " + std::to_string(o.blank) + " is not among the " +
                      std::to_string(o.classes) + " classes");
  }
  o.ignored.resize(static_cast<size_t>(o.classes), false);
  if (o.ignored[static_cast<size_t>(o.blank)]) throw DecodeError("the blank cannot be ignored");
  if (o.beam_size < 1 || o.beam_size > kLargestBeam) {
    throw DecodeError("beam size " + std::to_string(o.beam_size) + " is outside 1.." +
                      std::to_string(kLargestBeam) + "; 500 is usual");
  }
  if (!(o.cutoff_prob > 0 && o.cutoff_prob <= 1)) {
    throw DecodeError("cutoff_prob " + std::to_string(o.cutoff_prob) +
                      " is outside (0, 1]; 1 keeps all classes");
  }
  if (o.cutoff_top_n < 1) {
    throw DecodeError("cutoff_top_n " + std::to_string(o.cutoff_top_n) + " is below 1");
  }
  if (!is_weight(o.alpha) || !is_weight(o.beta)) {
    throw DecodeError("the language model's alpha and beta must be finite and within a million");
  }
  for (const auto& [word, boost] : o.hot_words) check_boost("hot word '" + word + "'", boost);
  for (const auto& phrase : o.hot_phrases) {
    check_boost("a hot phrase", phrase.boost);
    if (phrase.labels.empty()) throw DecodeError("a hot phrase is empty");
  }
  return o;
}

}  // namespace stt
