// When a known text is said: the likeliest path through the CTC trellis of the whole text, found while
// the audio is still being heard.
//
// The text is a row of units (sentences, say), each a row of labels. Between units, before the first
// and behind the last, lies a gap. A gap costs what the blank or the space costs in a frame, but never
// more than `filler_cost`: it may hold speech that is not in the text. A unit may be left out for
// `skip_cost`: text that is not in the speech. What a frame costs is how far the log-probability of the
// label lies below that of the frame's best class, so that hard and easy stretches weigh alike.
//
// Segments of a long recording by a CTC trellis: Kuerzinger et al. 2020, "CTC-Segmentation of Large
// Corpora for German End-to-end Speech Recognition" (https://arxiv.org/abs/2007.09127). What stands for
// any label: Pratap et al. 2023, "Scaling Speech Technology to 1,000+ Languages"
// (https://arxiv.org/abs/2305.13516), which is torchaudio's forced_align. Here, states too far behind
// the best are given up, and whatever all states agree on is handed out and forgotten.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <span>
#include <vector>

namespace stt {

struct AlignerOptions {
  int classes = 0;  // number of classes of the posteriors
  int blank = -1;   // class of the blank; -1: the last
  int space = -1;   // a second class that gaps may hold; -1: none
  // Maximal cost of a frame of a gap, in nats. Infinite: gaps are silent.
  double filler_cost = std::numeric_limits<double>::infinity();
  // Cost of skipping a unit, in nats. Infinite: no unit is skipped.
  double skip_cost = std::numeric_limits<double>::infinity();
  // Nats behind the best state at which states at the edges are given up. Infinite: never.
  double beam = std::numeric_limits<double>::infinity();
  int64_t most_states = int64_t{1} << 16;   // beyond which the worse edge is given up, too
  int64_t most_memory = int64_t{256} << 20;  // bytes of frames kept undecided; more force a decision
};

// A label of the text, and the frames in which it is spoken.
struct LabelSpan {
  int64_t position;     // index of the label in the text
  int64_t start_frame;  // first frame of the label
  int64_t end_frame;    // one after the last frame
  float log_prob;       // mean log-probability over its frames
  float cost;           // mean distance of its frames from the best class, in nats; 0 is best
};

class Aligner {
 public:
  static constexpr int kAnything = -1;  // a label that stands for speech of any kind

  // `labels` is the whole text; `unit_lengths` holds the number of labels of each unit.
  // Throws DecodeError if they do not fit each other or the classes.
  Aligner(const AlignerOptions& options, std::vector<int> labels,
          const std::vector<int64_t>& unit_lengths);

  // Takes `frames` rows of posteriors. Throws DecodeError if a row is not a distribution.
  void feed(const float* probs, int64_t frames);
  // Returns the spans that later frames cannot change, each once, in order.
  std::vector<LabelSpan> take();
  // The spans that are left, at the end of the audio. Throws DecodeError where the text does not fit.
  std::vector<LabelSpan> finish();

  int64_t frames() const { return frames_; }
  // Number of frames that are still undecided.
  int64_t kept_frames() const { return static_cast<int64_t>(kept_.size()); }

 private:
  struct Frame {
    int64_t first = 0;           // the state that `from` begins with
    std::vector<uint8_t> from;   // how each state was reached, see aligner.cpp
    std::vector<float> log_probs;  // of the classes
    float best = 0;              // the highest of them
  };

  void check_frame(const float* probs) const;
  void step(const float* probs);
  void advance(Frame& frame, int64_t end);
  int64_t skip_units(Frame& frame, int64_t end);
  void prune(int64_t first, int64_t end);
  void rescale();
  float gap_cost(const Frame& frame) const;
  int label_of(int64_t state) const { return labels_[static_cast<size_t>(state / 2)]; }
  bool is_gap(int64_t state) const { return state % 2 == 0 && gaps_[static_cast<size_t>(state / 2)]; }
  float cost_of(const Frame& frame, int64_t state) const;
  int64_t before(const Frame& frame, int64_t state) const;
  int64_t best_end() const;

  void commit_agreed();
  void commit_forced();
  void commit(int64_t frame, int64_t state);
  void say(const Frame& frame, int64_t state);
  void close();
  int64_t frame_bytes() const;

  AlignerOptions options_;
  std::vector<int> labels_;
  std::vector<bool> gaps_;           // whether a gap lies before this label; one more than labels
  std::vector<int64_t> boundaries_;  // the states that are gaps, in order
  std::vector<float> scores_, next_;  // of every state; only first_ to end_ are above kNone
  int64_t first_ = 0, end_ = 1;
  int64_t frames_ = 0, decided_ = 0;  // of all, and those handed out
  int64_t tried_at_ = 0;              // how many frames there were when agreement was last looked for
  int64_t kept_states_ = 0;           // in all of kept_
  std::deque<Frame> kept_;

  int64_t open_state_ = -1;  // of the label that is being said
  LabelSpan open_{};
  double open_log_prob_ = 0, open_cost_ = 0;
  std::vector<LabelSpan> done_;
};

}  // namespace stt
