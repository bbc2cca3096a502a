#include "ctc/aligner.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "errors.h"

namespace stt {
namespace {

// State 2i is the blank before label i, or a gap; state 2i + 1 is label i.
// How a state was reached: `kStay`, from the state so many before it in the frame before, or
// `kSkip`, from the gap before in the same frame.
constexpr uint8_t kStay = 0, kNext = 1, kPass = 2, kSkip = 3;

constexpr float kNone = -1e30f;      // of states that are not reached
constexpr float kLeastProb = 1e-6f;  // no single frame may veto a path
constexpr float kAnythingCost = 1.0f;
constexpr float kLowestBest = -4096.0f;  // beyond which sums would lose digits
constexpr double kSumTolerance = 0.01;
constexpr int64_t kFramesBetweenTries = 256;
constexpr int64_t kFewestKeptFrames = 2048;

constexpr double kHighestCost = 1e9;  // of finite ones

bool is_cost(double value) { return value > 0; }  // infinity is one, NaN is not

double bounded(double cost) { return std::isinf(cost) ? cost : std::min(cost, kHighestCost); }

}  // namespace

Aligner::Aligner(const AlignerOptions& options, std::vector<int> labels,
                 const std::vector<int64_t>& unit_lengths)
    : options_(options), labels_(std::move(labels)), gaps_(labels_.size() + 1) {
  if (options_.classes < 2) throw DecodeError("an aligner needs two classes at least");
  if (options_.blank == -1) options_.blank = options_.classes - 1;
  if (options_.blank < 0 || options_.blank >= options_.classes) {
    throw DecodeError("the blank is class " + std::to_string(options_.blank) + ", and there are " +
                      std::to_string(options_.classes));
  }
  if (options_.space < -1 || options_.space >= options_.classes) {
    throw DecodeError("the space is class " + std::to_string(options_.space) + ", and there are " +
                      std::to_string(options_.classes));
  }
  if (!is_cost(options_.filler_cost) || !is_cost(options_.skip_cost) || !is_cost(options_.beam)) {
    throw DecodeError("costs and the beam of an aligner must be greater than 0");
  }
  options_.filler_cost = bounded(options_.filler_cost);
  options_.skip_cost = bounded(options_.skip_cost);
  options_.beam = bounded(options_.beam);
  if (options_.most_states < 2 || options_.most_memory < 0) {
    throw DecodeError("an aligner needs room for two states at least");
  }
  for (const int label : labels_) {
    if (label < kAnything || label >= options_.classes || label == options_.blank) {
      throw DecodeError("label " + std::to_string(label) + " of the text is none of the model's");
    }
  }
  size_t position = 0;
  gaps_[0] = true;
  for (const int64_t length : unit_lengths) {
    if (length < 1 || static_cast<size_t>(length) > labels_.size() - position) {
      throw DecodeError("the units of the text do not add up to its " +
                        std::to_string(labels_.size()) + " labels");
    }
    position += static_cast<size_t>(length);
    gaps_[position] = true;
  }
  if (position != labels_.size() || labels_.empty()) {
    throw DecodeError("the units of the text do not add up to its " +
                      std::to_string(labels_.size()) + " labels, or it has none");
  }
  for (size_t i = 0; i < gaps_.size(); ++i) {
    if (gaps_[i]) boundaries_.push_back(static_cast<int64_t>(2 * i));
  }
  scores_.assign(2 * labels_.size() + 1, kNone);
  next_.assign(scores_.size(), kNone);
  scores_[0] = 0;
}

void Aligner::feed(const float* probs, int64_t frames) {
  for (int64_t t = 0; t < frames; ++t) {
    check_frame(probs + t * options_.classes);
    step(probs + t * options_.classes);
  }
}

void Aligner::check_frame(const float* probs) const {
  double sum = 0;
  bool negative = false;
  for (int c = 0; c < options_.classes; ++c) {
    sum += static_cast<double>(probs[c]);
    negative |= probs[c] < 0;
  }
  if (std::abs(sum - 1) <= kSumTolerance && !negative) return;
  throw DecodeError("frame " + std::to_string(frames_) +
                    " of the posteriors is not a distribution; the model's weights or its input are "
                    "broken, or these are no probabilities");
}

void Aligner::step(const float* probs) {
  Frame frame;
  frame.log_probs.resize(static_cast<size_t>(options_.classes));
  for (int c = 0; c < options_.classes; ++c) {
    frame.log_probs[static_cast<size_t>(c)] = std::log(std::max(probs[c], kLeastProb));
  }
  frame.best = *std::max_element(frame.log_probs.begin(), frame.log_probs.end());
  frame.first = first_;
  const int64_t first = first_, reached = end_;
  const int64_t end = std::min(end_ + 2, static_cast<int64_t>(scores_.size()));
  frame.from.resize(static_cast<size_t>(end - first));
  advance(frame, end);
  const int64_t with_skips = skip_units(frame, end);
  std::fill(scores_.begin() + first, scores_.begin() + reached, kNone);
  std::swap(scores_, next_);
  prune(first, with_skips);
  kept_states_ += static_cast<int64_t>(frame.from.size());
  kept_.push_back(std::move(frame));
  ++frames_;
  if (frames_ - tried_at_ >= kFramesBetweenTries) {
    commit_agreed();
    tried_at_ = frames_;
    if (kept_frames() > kFewestKeptFrames && frame_bytes() > options_.most_memory) commit_forced();
  }
}

float Aligner::gap_cost(const Frame& frame) const {
  float log_prob = frame.log_probs[static_cast<size_t>(options_.blank)];
  if (options_.space >= 0) {
    log_prob = std::max(log_prob, frame.log_probs[static_cast<size_t>(options_.space)]);
  }
  return std::min(frame.best - log_prob, static_cast<float>(options_.filler_cost));
}

float Aligner::cost_of(const Frame& frame, int64_t state) const {
  if (is_gap(state)) return gap_cost(frame);
  const float blank = frame.best - frame.log_probs[static_cast<size_t>(options_.blank)];
  if (state % 2 == 0) return blank;
  const int label = label_of(state);
  if (label == kAnything) return std::min(blank, kAnythingCost);
  return frame.best - frame.log_probs[static_cast<size_t>(label)];
}

// Fills `next_` and `frame.from` from `scores_`, for the states from `frame.first` to `end`.
void Aligner::advance(Frame& frame, int64_t end) {
  const float gap = gap_cost(frame);
  const float blank = frame.best - frame.log_probs[static_cast<size_t>(options_.blank)];
  for (int64_t s = frame.first; s < end; ++s) {
    const auto at = static_cast<size_t>(s);
    float best = scores_[at];
    uint8_t from = kStay;
    if (s > 0 && scores_[at - 1] > best) {
      best = scores_[at - 1];
      from = kNext;
    }
    float cost;
    if (s % 2 == 0) {
      cost = gaps_[at / 2] ? gap : blank;
    } else {
      const int label = labels_[at / 2];
      if (s > 1 && scores_[at - 2] > best && !gaps_[at / 2] && label != labels_[at / 2 - 1]) {
        best = scores_[at - 2];
        from = kPass;
      }
      cost = label == kAnything ? std::min(blank, kAnythingCost)
                                : frame.best - frame.log_probs[static_cast<size_t>(label)];
    }
    next_[at] = best > kNone / 2 ? best - cost : kNone;
    frame.from[static_cast<size_t>(s - frame.first)] = from;
  }
}

// Lets gaps reach those behind them; returns the end of the states that are reached then.
int64_t Aligner::skip_units(Frame& frame, int64_t end) {
  if (std::isinf(options_.skip_cost)) return end;
  const float best = *std::max_element(next_.begin() + frame.first, next_.begin() + end);
  const float least = best - static_cast<float>(options_.beam);
  auto gap = std::lower_bound(boundaries_.begin(), boundaries_.end(), frame.first);
  for (; gap != boundaries_.end() && *gap < end && gap + 1 != boundaries_.end(); ++gap) {
    const float score = next_[static_cast<size_t>(*gap)] - static_cast<float>(options_.skip_cost);
    const int64_t target = *(gap + 1);
    if (score < least || score <= kNone / 2 || score <= next_[static_cast<size_t>(target)]) continue;
    if (target >= frame.first + options_.most_states) break;
    end = std::max(end, target + 1);
    frame.from.resize(static_cast<size_t>(end - frame.first));
    next_[static_cast<size_t>(target)] = score;
    frame.from[static_cast<size_t>(target - frame.first)] = kSkip;
  }
  return end;
}

// Gives up the states at the edges that lie too far behind.
void Aligner::prune(int64_t first, int64_t end) {
  const float best = *std::max_element(scores_.begin() + first, scores_.begin() + end);
  const float least = std::max(best - static_cast<float>(options_.beam), kNone / 2);
  const auto score = [this](int64_t state) -> float& { return scores_[static_cast<size_t>(state)]; };
  while (end - first > 1 && score(first) < least) score(first++) = kNone;
  while (end - first > 1 && score(end - 1) < least) score(--end) = kNone;
  while (end - first > options_.most_states) {
    if (score(first) < score(end - 1)) {
      score(first++) = kNone;
    } else {
      score(--end) = kNone;
    }
  }
  first_ = first;
  end_ = end;
  if (best < kLowestBest && best > kNone / 2) rescale();
}

void Aligner::rescale() {
  const auto first = scores_.begin() + first_, end = scores_.begin() + end_;
  const float best = *std::max_element(first, end);
  for (auto at = first; at != end; ++at) {
    if (*at > kNone / 2) *at -= best;
  }
}

// The state in the frame before that `state` in this one was reached from.
int64_t Aligner::before(const Frame& frame, int64_t state) const {
  const auto from = [&frame](int64_t s) { return frame.from[static_cast<size_t>(s - frame.first)]; };
  if (from(state) == kSkip) {
    auto gap = std::lower_bound(boundaries_.begin(), boundaries_.end(), state);
    while (from(*gap) == kSkip) --gap;
    state = *gap;
  }
  return state - from(state);
}

// Hands out the frames on which all states agree.
void Aligner::commit_agreed() {
  std::vector<int64_t> states;
  for (int64_t s = first_; s < end_; ++s) {
    if (scores_[static_cast<size_t>(s)] > kNone / 2) states.push_back(s);
  }
  for (int64_t t = kept_frames() - 1; t >= 0 && !states.empty(); --t) {
    if (states.size() == 1) return commit(t, states.front());
    for (int64_t& state : states) state = before(kept_[static_cast<size_t>(t)], state);
    if (!std::is_sorted(states.begin(), states.end())) std::sort(states.begin(), states.end());
    states.erase(std::unique(states.begin(), states.end()), states.end());
  }
}

// Hands out the older half of the frames as the best state sees them, and gives up those that do not.
void Aligner::commit_forced() {
  const int64_t last = kept_frames() / 2;
  std::vector<std::pair<int64_t, int64_t>> paths;  // a state now, and where it was in frame `last`
  for (int64_t s = first_; s < end_; ++s) {
    if (scores_[static_cast<size_t>(s)] > kNone / 2) paths.emplace_back(s, s);
  }
  if (paths.empty()) return;
  for (int64_t t = kept_frames() - 1; t > last; --t) {
    int64_t asked = -1, answer = -1;  // neighbours have mostly come together already
    for (auto& [now, then] : paths) {
      if (then != asked) {
        asked = then;
        answer = before(kept_[static_cast<size_t>(t)], then);
      }
      then = answer;
    }
  }
  const auto best = std::max_element(paths.begin(), paths.end(), [this](const auto& a, const auto& b) {
    return scores_[static_cast<size_t>(a.first)] < scores_[static_cast<size_t>(b.first)];
  });
  const int64_t chosen = best->second;
  for (const auto& [now, then] : paths) {
    if (then != chosen) scores_[static_cast<size_t>(now)] = kNone;
  }
  commit(last, chosen);
}

// Hands out the kept frames up to one that is in `state`.
void Aligner::commit(int64_t frame, int64_t state) {
  std::vector<int64_t> path(static_cast<size_t>(frame) + 1);
  for (int64_t t = frame; t >= 0; --t) {
    path[static_cast<size_t>(t)] = state;
    // A skip ends in a gap, and begins in one: what is said in this frame is the same.
    state = before(kept_[static_cast<size_t>(t)], state);
  }
  for (const int64_t said : path) {
    say(kept_.front(), said);
    kept_states_ -= static_cast<int64_t>(kept_.front().from.size());
    kept_.pop_front();
    ++decided_;
  }
}

void Aligner::say(const Frame& frame, int64_t state) {
  if (state != open_state_) close();
  if (state % 2 == 0) return;
  if (open_state_ < 0) {
    open_state_ = state;
    open_ = {state / 2, decided_, decided_, 0, 0};
    open_log_prob_ = open_cost_ = 0;
  }
  const float cost = cost_of(frame, state);
  open_.end_frame = decided_ + 1;
  open_cost_ += cost;
  open_log_prob_ += frame.best - cost;
}

void Aligner::close() {
  if (open_state_ < 0) return;
  const auto length = static_cast<double>(open_.end_frame - open_.start_frame);
  open_.log_prob = static_cast<float>(open_log_prob_ / length);
  open_.cost = static_cast<float>(open_cost_ / length);
  done_.push_back(open_);
  open_state_ = -1;
}

int64_t Aligner::frame_bytes() const {
  const auto frame = static_cast<int64_t>(sizeof(Frame)) + options_.classes * int64_t{sizeof(float)};
  return kept_frames() * frame + kept_states_;
}

std::vector<LabelSpan> Aligner::take() { return std::exchange(done_, {}); }

// The state that the audio may end in, and ends in at the least cost; -1: none.
int64_t Aligner::best_end() const {
  int64_t best = -1;
  float best_score = kNone / 2;
  for (size_t unit = boundaries_.size(); unit-- > 0;) {
    const size_t skipped = boundaries_.size() - 1 - unit;
    if (skipped > 0 && std::isinf(options_.skip_cost)) break;
    const float skips = static_cast<float>(skipped) *
                        (skipped > 0 ? static_cast<float>(options_.skip_cost) : 0.0f);
    for (const int64_t state : {boundaries_[unit], boundaries_[unit] - 1}) {
      if (state < first_ || state >= end_) continue;
      const float score = scores_[static_cast<size_t>(state)] - skips;
      if (score > best_score) {
        best = state;
        best_score = score;
      }
    }
  }
  return best;
}

std::vector<LabelSpan> Aligner::finish() {
  const int64_t state = best_end();
  if (state < 0) {
    throw DecodeError("the text does not fit into the audio: its " +
                      std::to_string(labels_.size()) + " labels cannot be said in " +
                      std::to_string(frames_) + " frames");
  }
  if (!kept_.empty()) commit(kept_frames() - 1, state);
  close();
  first_ = 0;  // nothing is to be fed any more; an end is an end
  end_ = 1;
  std::fill(scores_.begin(), scores_.end(), kNone);
  return take();
}

}  // namespace stt
