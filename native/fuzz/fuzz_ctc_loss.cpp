// For any log-probabilities and labels: the loss equals that of a plain implementation in
// logarithms, the occupancies of each frame sum to 1, and all kernels agree.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <vector>

#include "ctc/ctc_loss.h"
#include "errors.h"
#include "fuzz_input.h"
#include "kernels/frame_kernel.h"

namespace {

using stt::fuzz::Input;

constexpr double kLogZero = -std::numeric_limits<double>::infinity();

void expect(bool condition, int line = __builtin_LINE()) {
  if (condition) return;
  std::fprintf(stderr, "line %d: the loss is wrong\n", line);
  std::abort();
}

double add_logs(double a, double b) {
  const double high = std::max(a, b);
  return high == kLogZero ? high : high + std::log(std::exp(a - high) + std::exp(b - high));
}

struct Clips {
  int64_t clips, frames, classes;
  std::vector<float> log_probs;
  std::vector<int64_t> lengths, labels, label_lengths;

  explicit Clips(Input& input)
      : clips(1 + input.below(3)), frames(input.below(40)), classes(1 + input.below(6)) {
    const bool is_extreme = input.flag();
    for (int64_t i = 0; i < clips; ++i) {
      lengths.push_back(input.below(static_cast<int>(frames) + 1) - (input.below(200) == 199));
      label_lengths.push_back(input.below(20));
      for (int64_t j = 0; j < label_lengths.back(); ++j) {
        labels.push_back(input.below(static_cast<int>(classes)) - (input.below(250) == 249));
      }
    }
    for (int64_t i = 0; i < clips * frames * classes; ++i) {
      log_probs.push_back(is_extreme ? input.take<float>()
                                     : -static_cast<float>(input.take<uint16_t>()) / 300.0f);
    }
  }

  stt::CtcBatch batch() const {
    return {log_probs.data(), clips, frames, classes, lengths, labels, label_lengths};
  }
};

// Log-probabilities as low as kernels tell apart; positive ones are no probabilities.
bool is_plain(const Clips& clips) {
  return std::all_of(clips.log_probs.begin(), clips.log_probs.end(),
                     [](float log) { return log <= 0 && log > -10000; });
}

double plain_loss(const float* log_probs, int64_t frames, int64_t classes, const int64_t* labels,
                  int64_t count) {
  const auto states = static_cast<size_t>(2 * count + 1);
  std::vector<double> now(states, kLogZero), next(states);
  now[0] = 0;
  for (int64_t t = 0; t < frames; ++t) {
    for (size_t s = 0; s < states; ++s) {
      const int64_t label = s % 2 == 0 ? classes - 1 : labels[s / 2];
      double sum = now[s];
      // Before the first frame, state 0 also stands for the start.
      if (s > 0) sum = add_logs(sum, now[s - 1]);
      if (s > 1 && s % 2 == 1 && labels[s / 2] != labels[s / 2 - 1]) sum = add_logs(sum, now[s - 2]);
      next[s] = sum + static_cast<double>(log_probs[t * classes + label]);
    }
    std::swap(now, next);
  }
  return -(states > 1 ? add_logs(now[states - 1], now[states - 2]) : now[0]);
}

void check(const Clips& clips, const std::vector<float>& losses,
           const std::vector<float>& occupancies) {
  const bool plain = is_plain(clips);
  const int64_t* labels = clips.labels.data();
  for (int64_t i = 0; i < clips.clips; ++i) {
    const float loss = losses[static_cast<size_t>(i)];
    const int64_t length = clips.lengths[static_cast<size_t>(i)];
    const int64_t count = clips.label_lengths[static_cast<size_t>(i)];
    const float* log_probs = clips.log_probs.data() + i * clips.frames * clips.classes;
    if (plain) {
      const double right = plain_loss(log_probs, length, clips.classes, labels, count);
      const double tolerance = 1e-5 * (1 + std::abs(right));
      expect(std::isinf(right) ? std::isinf(loss) : std::abs(loss - right) <= tolerance);
    }
    const float* row = occupancies.data() + i * clips.frames * clips.classes;
    for (int64_t t = 0; t < clips.frames; ++t, row += clips.classes) {
      float sum = 0;
      for (int64_t c = 0; c < clips.classes; ++c) {
        expect(row[c] >= 0 && row[c] <= 1.0001f);
        sum += row[c];
      }
      expect(std::isfinite(loss) && t < length ? std::abs(sum - 1) < 1e-4f : sum == 0);
    }
    labels += count;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  const Clips clips(input);
  std::vector<float> first;
  for (const stt::FrameKernel* kernel : stt::frame_kernels()) {
    stt::use_frame_kernel(*kernel);
    std::vector<float> losses(static_cast<size_t>(clips.clips)), alone = losses;
    std::vector<float> occupancies(clips.log_probs.size());
    try {
      stt::ctc_losses(clips.batch(), 2, losses.data(), occupancies.data());
      stt::ctc_losses(clips.batch(), 1, alone.data(), nullptr);
    } catch (const stt::DecodeError&) {
      return 0;  // what bad input has to give
    }
    check(clips, losses, occupancies);
    if (first.empty()) first = losses;
    for (size_t i = 0; i < losses.size(); ++i) {
      expect(losses[i] == alone[i] || std::isnan(losses[i]));
      expect(std::isfinite(first[i]) ? std::abs(losses[i] - first[i]) <= 1e-5f * (1 + std::abs(first[i]))
                                     : !std::isfinite(losses[i]));
    }
  }
  return 0;
}
