// For any text, settings and posteriors: the aligner throws DecodeError, or gives spans of whole
// units, in the order of the text, that do not overlap.

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "ctc/aligner.h"
#include "errors.h"
#include "fuzz_input.h"

namespace {

using stt::Aligner;
using stt::AlignerOptions;
using stt::LabelSpan;
using stt::fuzz::Input;

constexpr int kFrames = 3000;

double take_cost(Input& input) {
  if (input.below(8) == 0) return input.take<double>();
  return input.below(4) == 0 ? INFINITY : input.below(100) / 8.0;
}

AlignerOptions take_options(Input& input) {
  AlignerOptions o;
  o.classes = input.below(12);
  o.blank = input.below(4) == 0 ? input.take<int8_t>() : -1;
  o.space = input.below(4) - 1;
  o.filler_cost = take_cost(input);
  o.skip_cost = take_cost(input);
  o.beam = take_cost(input);
  if (input.flag()) o.most_states = input.below(40);
  if (input.flag()) o.most_memory = input.take<uint16_t>();  // forces decisions
  return o;
}

struct Text {
  std::vector<int> labels;
  std::vector<int64_t> unit_lengths;
};

Text take_text(Input& input, int classes) {
  Text text;
  for (int units = input.below(30); units > 0; --units) {
    const int length = input.below(12);
    for (int i = 0; i < length; ++i) text.labels.push_back(input.below(classes + 1) - 1);
    text.unit_lengths.push_back(input.below(200) == 0 ? input.take<int64_t>() : length);
  }
  return text;
}

std::vector<float> take_row(Input& input, int classes) {
  std::vector<float> row(static_cast<size_t>(classes));
  if (input.below(200) == 0) {
    for (float& value : row) value = input.take<float>();
    return row;
  }
  const float floor = input.flag() ? 0.0f : 0.01f;
  float sum = 0;
  for (float& value : row) value = floor;
  row[static_cast<size_t>(input.below(classes))] += 1.0f;
  for (const float value : row) sum += value;
  for (float& value : row) value /= sum;
  return row;
}

void check(const std::vector<LabelSpan>& spans, const Text& text, int64_t frames) {
  int64_t position = -1, end = 0;
  for (const LabelSpan& span : spans) {
    if (span.position <= position || span.start_frame < end) std::abort();
    if (span.end_frame <= span.start_frame || span.end_frame > frames) std::abort();
    if (!std::isfinite(span.log_prob) || !std::isfinite(span.cost)) std::abort();
    position = span.position;
    end = span.end_frame;
  }
  if (position >= static_cast<int64_t>(text.labels.size())) std::abort();
}

// The spans of one unit may be none or all of it, never a part.
void check_units(const std::vector<LabelSpan>& spans, const Text& text) {
  std::vector<bool> said(text.labels.size());
  for (const LabelSpan& span : spans) said[static_cast<size_t>(span.position)] = true;
  size_t at = 0;
  for (const int64_t length : text.unit_lengths) {
    for (int64_t i = 1; i < length; ++i) {
      if (said[at + static_cast<size_t>(i)] != said[at]) std::abort();
    }
    at += static_cast<size_t>(length);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  try {
    const AlignerOptions options = take_options(input);
    const Text text = take_text(input, options.classes > 0 ? options.classes : 1);
    Aligner aligner(options, text.labels, text.unit_lengths);
    std::vector<LabelSpan> spans;
    const int repeats = 1 + input.below(100);  // of each frame: long audio of little input
    for (int t = 0; t < kFrames && !input.is_empty();) {
      const auto row = take_row(input, options.classes);
      for (int i = 0; i < repeats && t < kFrames; ++i, ++t) aligner.feed(row.data(), 1);
      for (const LabelSpan& span : aligner.take()) spans.push_back(span);
    }
    for (const LabelSpan& span : aligner.finish()) spans.push_back(span);
    check(spans, text, aligner.frames());
    check_units(spans, text);
  } catch (const stt::DecodeError&) {
    return 0;  // what bad input has to give
  }
  return 0;
}
