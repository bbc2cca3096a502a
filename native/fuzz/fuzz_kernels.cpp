// Whatever a beam holds: all frame kernels that this processor runs make the same of it. What only
// compares has to be equal; sums of logarithms may differ by rounding, as processors with fused
// multiply-add round once where others round twice.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <vector>

#include "fuzz_input.h"
#include "kernels/frame_kernel.h"

namespace {

using stt::FrameKernel;
using stt::kLogZero;
using stt::fuzz::Input;

constexpr float kTolerance = 4e-6f;  // of values around one; larger ones round in larger steps

float take_score(Input& input) {
  switch (input.below(8)) {
    case 0:
      return kLogZero;
    case 1:
      return 0;
    case 2:
      return -static_cast<float>(input.take<uint32_t>());
    default:
      return -static_cast<float>(input.take<uint16_t>()) / 500.0f;
  }
}

bool is_close(float a, float b) {
  return std::abs(a - b) <= kTolerance * (1 + std::max(std::abs(a), std::abs(b)) / 8);
}

void expect(bool condition, int line = __builtin_LINE()) {
  if (condition) return;
  std::fprintf(stderr, "line %d: kernels differ\n", line);
  std::abort();
}

struct Beam {
  int count, classes;
  std::vector<float> blank, label_end, score, bonus, probs, rivals;
  std::vector<int32_t> label, parent, repeats;
  std::vector<uint64_t> open, affordable;
  float frame_blank, min_cutoff, floor;

  explicit Beam(Input& input) : count(1 + input.below(70)), classes(2 + input.below(60)) {
    for (auto* column : {&blank, &label_end, &score, &bonus}) column->push_back(kLogZero);
    for (auto* column : {&label, &parent, &repeats}) column->push_back(0);
    open.push_back(0);
    for (int i = 1; i <= count; ++i) {
      for (auto* column : {&blank, &label_end, &score}) column->push_back(take_score(input));
      bonus.push_back(static_cast<float>(input.take<int8_t>()) / 4);
      label.push_back(input.below(classes + 1));
      parent.push_back(input.below(count + 1));
      repeats.push_back(input.below(2));
      open.push_back(input.take<uint64_t>());
    }
    for (int c = 0; c < classes; ++c) {
      probs.push_back(static_cast<float>(input.take<uint16_t>()) / 65535.0f);
      rivals.push_back(input.flag() ? kLogZero : -1.0f);
    }
    rivals.push_back(kLogZero);
    affordable.resize(stt::kLeads);
    for (int c = 0; c < 64; ++c) affordable[input.take<uint16_t>() % stt::kLeads] |= uint64_t{1} << c;
    for (size_t i = 1; i < affordable.size(); ++i) affordable[i] |= affordable[i - 1];
    frame_blank = take_score(input);
    min_cutoff = input.flag() ? -3e38f : take_score(input);
    floor = take_score(input);
  }
};

struct Outcome {
  std::vector<float> logs, next_blank, next_label_end, next_score;
  std::vector<int32_t> moved, above, stepping;
  std::vector<uint64_t> steps;
  float lowest = 0, highest = 0;
};

// `logs` are given so that differences of the logarithms are not counted twice.
Outcome run(const FrameKernel& kernel, const Beam& beam, const std::vector<float>& logs) {
  const auto size = static_cast<size_t>(beam.count) + 1;
  Outcome o;
  o.logs.resize(beam.probs.size());
  kernel.take_logs(beam.probs.data(), beam.classes, o.logs.data());
  for (auto* column : {&o.next_blank, &o.next_label_end, &o.next_score}) column->resize(size);
  std::vector<float> emission(size), rival(size), parent_score(size), parent_base(size);
  o.moved.resize(size);
  const stt::SlotView slots{beam.count,          beam.blank.data(),       beam.label_end.data(),
                            beam.score.data(),   beam.bonus.data(),       beam.label.data(),
                            beam.parent.data(),  beam.repeats.data(),     o.next_blank.data(),
                            o.next_label_end.data(), o.next_score.data(), o.moved.data(),
                            emission.data(),     rival.data(),            parent_score.data(),
                            parent_base.data()};
  kernel.advance({logs.data(), beam.rivals.data(), beam.frame_blank, beam.min_cutoff}, slots);
  kernel.extremes(beam.score.data(), beam.count, &o.lowest, &o.highest);
  o.above.resize(size);
  o.above.resize(static_cast<size_t>(
      kernel.collect_at_least(beam.score.data(), beam.count, beam.floor, o.above.data())));
  o.steps.resize(size);
  o.stepping.resize(size);
  o.stepping.resize(static_cast<size_t>(
      kernel.collect_steps(beam.score.data(), beam.open.data(), beam.count, beam.floor,
                           beam.affordable.data(), o.steps.data(), o.stepping.data())));
  return o;
}

// A lead is rounded to whole steps, which roundings before that may tip over.
bool is_affordable(const Beam& beam, size_t slot, uint64_t steps) {
  const double score = beam.score[slot], floor = beam.floor;
  const double lead = (score - floor) * stt::kLeadsPerNat + 1;
  const double slack = 1e-4 + 1e-6 * (std::abs(score) + std::abs(floor));
  const auto step = [](double value) {
    return static_cast<size_t>(std::clamp(value, 0.0, stt::kLeads - 1.0));
  };
  const uint64_t least = beam.affordable[step(lead - slack)] & beam.open[slot];
  const uint64_t most = beam.affordable[step(lead + slack)] & beam.open[slot];
  return (steps & least) == least && (steps | most) == most;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  const Beam beam(input);
  const FrameKernel& plainest = *stt::frame_kernels().back();
  std::vector<float> logs(beam.probs.size());
  plainest.take_logs(beam.probs.data(), beam.classes, logs.data());
  for (size_t c = 0; c < logs.size(); ++c) {
    expect(is_close(logs[c], std::log(beam.probs[c] + std::numeric_limits<float>::min())));
  }
  logs.push_back(kLogZero);
  const Outcome expected = run(plainest, beam, logs);
  for (const FrameKernel* kernel : stt::frame_kernels()) {
    const Outcome got = run(*kernel, beam, logs);
    expect(got.lowest == expected.lowest && got.highest == expected.highest);
    expect(got.above == expected.above);
    for (size_t c = 0; c < got.logs.size(); ++c) expect(is_close(got.logs[c], expected.logs[c]));
    std::vector<int32_t> stepping;
    for (size_t i = 1; i < expected.steps.size(); ++i) {
      expect(is_affordable(beam, i, got.steps[i]));
      if (got.steps[i] != 0) stepping.push_back(static_cast<int32_t>(i));
      expect(is_close(got.next_blank[i], expected.next_blank[i]));
      expect(is_close(got.next_label_end[i], expected.next_label_end[i]));
      expect(is_close(got.next_score[i], expected.next_score[i]));
    }
    expect(got.stepping == stepping);
  }
  return 0;
}
