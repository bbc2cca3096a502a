#include "ctc/ctc_loss.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "errors.h"
#include "kernels/frame_kernel.h"
#include "kernels/trellis_kernel.h"
#include "kernels/work_shares.h"

namespace stt {
namespace {

constexpr int64_t kProductsOfAState = 8;  // a state of a frame takes as long as so many
constexpr float kLeastLog = -1e5f;        // as good as -infinity, which kernels do not take

struct Clip {
  const float* log_probs;
  int64_t frames, classes;
  std::span<const int64_t> labels;
};

// Rows of numbers, each with one before the first, which is nothing.
class Rows {
 public:
  Rows(int64_t rows, int64_t numbers)
      : stride_(numbers + 1),
        mantissas_(static_cast<size_t>(rows * stride_), 0.0f),
        exponents_(mantissas_.size(), kNoExponent) {}

  Scaled operator[](int64_t row) {
    const auto at = static_cast<size_t>(row * stride_ + 1);
    return {mantissas_.data() + at, exponents_.data() + at};
  }

 private:
  int64_t stride_;
  std::vector<float> mantissas_;
  std::vector<int32_t> exponents_;
};

// The trellis of a clip in one direction, frame by frame.
class Trellis {
 public:
  // `kept` rows are kept, the last of them; `labels` are in the order in which they are said.
  Trellis(const TrellisKernel& kernel, std::vector<int64_t> labels, int64_t kept)
      : kernel_(kernel),
        labels_(std::move(labels)),
        count_(static_cast<int>(labels_.size())),
        kept_(kept),
        blanks_(kept, count_ + 1),
        of_labels_(kept, count_),
        logs_(labels_.size() + 1),
        emissions_(1, count_ + 1),
        skips_(labels_.size(), kNoExponent) {
    for (size_t i = 1; i < labels_.size(); ++i) {
      if (labels_[i] != labels_[i - 1]) skips_[i] = 0;
    }
    const Scaled start = blanks_[0];  // before the first frame, all is in the first blank
    start.mantissa[0] = 1;
    start.exponent[0] = 0;
  }

  // Takes what the frame says of the labels. Returns false where that is NaN or +infinity.
  bool hear(const float* log_probs, int64_t blank) {
    for (size_t i = 0; i < labels_.size(); ++i) logs_[i] = log_probs[labels_[i]];
    logs_.back() = log_probs[blank];
    for (float& log : logs_) {
      if (!(log <= std::numeric_limits<float>::max())) return false;
      log = std::max(log, kLeastLog);
    }
    kernel_.exponentiate(logs_.data(), count_ + 1, emissions_[0]);
    return true;
  }

  void advance() {
    const TrellisRow from = row(frames_), to = row(frames_ + 1);
    const int32_t shift = highest_;
    highest_ = kernel_.advance(from, count_, emissions_[0], blank_mantissa(), blank_exponent(),
                               skips_.data(), shift, to);
    shifted_ += shift;
    ++frames_;
    if (highest_ == kNoExponent) highest_ = 0;  // all is lost, and stays so
  }

  // Row 0 is before the first frame.
  TrellisRow row(int64_t number) { return {blanks_[number % kept_], of_labels_[number % kept_]}; }
  TrellisRow last() { return row(frames_); }

  // The logarithm of the probability to be at the end after the frames heard so far.
  double log_likelihood() {
    const TrellisRow end = last();
    const std::pair<Scaled, int> states[] = {{end.blank, count_}, {end.label, count_ - 1}};
    int32_t top = kNoExponent;
    for (const auto& [scaled, at] : states) top = std::max(top, scaled.exponent[at]);
    double sum = 0;
    for (const auto& [scaled, at] : states) {
      sum += std::ldexp(static_cast<double>(scaled.mantissa[at]), scaled.exponent[at] - top);
    }
    return std::log(sum) + static_cast<double>(shifted_ + top) * std::log(2.0);
  }

  int count() const { return count_; }
  Scaled emissions() { return emissions_[0]; }
  float blank_mantissa() { return emissions_[0].mantissa[count_]; }
  int32_t blank_exponent() { return emissions_[0].exponent[count_]; }

 private:
  const TrellisKernel& kernel_;
  std::vector<int64_t> labels_;
  int count_;
  int64_t kept_;
  Rows blanks_, of_labels_;
  std::vector<float> logs_;
  Rows emissions_;
  std::vector<int32_t> skips_;
  int64_t frames_ = 0, shifted_ = 0;
  int32_t highest_ = 0;
};

// Adds a clip's occupancies, [frames, classes], given the trellis from its start.
void add_occupancies(const TrellisKernel& kernel, const Clip& clip, Trellis& ahead,
                     float* occupancies) {
  Trellis back(kernel, {clip.labels.rbegin(), clip.labels.rend()}, 2);
  std::vector<float> shares(clip.labels.size());
  const int64_t blank = clip.classes - 1;
  for (int64_t t = clip.frames - 1; t >= 0; --t) {
    back.hear(clip.log_probs + t * clip.classes, blank);
    back.advance();
    float* row = occupancies + t * clip.classes;
    row[blank] += kernel.occupy(ahead.row(t + 1), back.last(), back.count(), back.emissions(),
                                back.blank_mantissa(), back.blank_exponent(), shares.data());
    for (size_t i = 0; i < shares.size(); ++i) row[clip.labels[i]] += shares[i];
  }
}

float clip_loss(const TrellisKernel& kernel, const Clip& clip, float* occupancies) {
  Trellis ahead(kernel, {clip.labels.begin(), clip.labels.end()}, occupancies ? clip.frames + 1 : 2);
  for (int64_t t = 0; t < clip.frames; ++t) {
    if (!ahead.hear(clip.log_probs + t * clip.classes, clip.classes - 1)) {
      return std::numeric_limits<float>::quiet_NaN();
    }
    ahead.advance();
  }
  const auto loss = static_cast<float>(-ahead.log_likelihood());
  if (occupancies && std::isfinite(loss)) add_occupancies(kernel, clip, ahead, occupancies);
  return loss;
}

// Returns where each clip's labels begin.
std::vector<size_t> check(const CtcBatch& batch) {
  const auto clips = static_cast<size_t>(batch.clips);
  if (batch.classes < 1) throw DecodeError("a CTC loss needs a class for the blank");
  if (batch.lengths.size() != clips || batch.label_lengths.size() != clips) {
    throw DecodeError("there are " + std::to_string(clips) + " clips, " +
                      std::to_string(batch.lengths.size()) + " lengths and " +
                      std::to_string(batch.label_lengths.size()) + " lengths of labels");
  }
  std::vector<size_t> begins;
  size_t begin = 0;
  for (size_t i = 0; i < clips; ++i) {
    const std::string clip = "clip " + std::to_string(i) + ": ";
    const int64_t length = batch.lengths[i], count = batch.label_lengths[i];
    if (length < 0 || length > batch.frames) {
      throw DecodeError(clip + "length " + std::to_string(length) + " is outside 0.." +
                        std::to_string(batch.frames));
    }
    if (count < 0 || static_cast<size_t>(count) > batch.labels.size() - begin) {
      throw DecodeError(clip + std::to_string(count) + " labels, and " +
                        std::to_string(batch.labels.size() - begin) + " are left");
    }
    for (const int64_t label : batch.labels.subspan(begin, static_cast<size_t>(count))) {
      if (label < 0 || label >= batch.classes - 1) {
        throw DecodeError(clip + "label " + std::to_string(label) + " is outside 0.." +
                          std::to_string(batch.classes - 2));
      }
    }
    begins.push_back(begin);
    begin += static_cast<size_t>(count);
  }
  if (begin != batch.labels.size()) {
    throw DecodeError("the clips have " + std::to_string(begin) + " labels, and there are " +
                      std::to_string(batch.labels.size()));
  }
  return begins;
}

}  // namespace

void ctc_losses(const CtcBatch& batch, int threads, float* losses, float* occupancies) {
  const std::vector<size_t> begins = check(batch);
  const TrellisKernel& kernel = *frame_kernel().trellis;
  int64_t states = 0;
  for (size_t i = 0; i < begins.size(); ++i) states += batch.lengths[i] * batch.label_lengths[i];
  std::vector<std::exception_ptr> errors(begins.size());
  share_work(batch.clips, states * kProductsOfAState, threads, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      const auto at = static_cast<size_t>(i);
      const int64_t offset = i * batch.frames * batch.classes;
      const Clip clip{batch.log_probs + offset, batch.lengths[at], batch.classes,
                      batch.labels.subspan(begins[at], static_cast<size_t>(batch.label_lengths[at]))};
      try {
        losses[i] = clip_loss(kernel, clip, occupancies ? occupancies + offset : nullptr);
      } catch (...) {  // no memory
        errors[at] = std::current_exception();
      }
    }
  });
  for (const auto& error : errors) {
    if (error) std::rethrow_exception(error);
  }
}

}  // namespace stt
