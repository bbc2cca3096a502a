// CTC prefix beam search with a language model: upstream's results, streaming, in flat memory.
//
// It maximises, over label sequences y,
//     log P_ctc(y | x)
//         + sum over units w of (alpha (log P_lm(w | history) + boosts) + beta)
//         + bonuses of the hot phrases in y,
// where units are words or characters (see ScoredUnit), and P_ctc sums over alignments that stay in
// the beam. Method: Hannun et al., "First-Pass Large Vocabulary Continuous Speech Recognition using
// Bi-Directional Recurrent DNNs", 2014. Candidates that cannot enter the beam are never made: the
// beam's worst prefix, moved over the frame, is a floor that a new one has to reach. That prunes
// nothing that upstream keeps.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "kernels/frame_kernel.h"
#include "lm/dictionary_walk.h"
#include "lm/scorer.h"
#include "search/beam_slots.h"
#include "search/decoder_options.h"
#include "search/hot_phrases.h"
#include "search/last_place.h"
#include "search/posterior_frame.h"
#include "search/prefix_tree.h"
#include "search/word_contexts.h"

namespace stt {

struct Hypothesis {
  double confidence = 0;  // log score, with the language model's part
  std::vector<int> tokens;
  std::vector<int> timesteps;  // by token: the frame in which its best alignment begins
};

class BeamSearch {
 public:
  // `scorer` may be null. Throws DecodeError if the options are invalid.
  BeamSearch(const DecoderOptions& options, std::shared_ptr<const Scorer> scorer);

  // Moves over `frames` rows of probabilities [frames, classes].
  // Throws DecodeError if a row is not a distribution; the search is then unchanged.
  template <typename Real>
  void feed(const Real* probs, int64_t frames);
  // Returns the best `num_results` hypotheses so far, best first. The search can go on.
  std::vector<Hypothesis> decode(int64_t num_results);

  int64_t frames() const { return frame_number_; }

 private:
  using Prefix = BeamSlots::Prefix;

  // A step from a prefix to a new one that may enter the beam.
  struct Candidate {
    int32_t parent = kNoSlot;
    int32_t label = 0;
    float bonus = 0;
    WordContexts::Context context = 0;
    HotPhrases::State phrase = 0;
  };
  // A candidate that enters the beam, with copies of its parent's data, since the parent's slot may
  // be reused.
  struct Birth {
    float score = 0, bonus = 0;
    int32_t label = 0;
    bool repeats = false;
    PrefixTree::Node parent_node = 0;
    HistoryForest::Node parent_timestep = 0;
    uint64_t open = 0;
    Prefix prefix;
  };

  // The parts of a frame's work, in order.
  void step();
  bool take_step();
  void propose_by_slot(float min_cutoff);
  void propose_by_label(float highest, float min_cutoff);
  void propose(int slot, int label, float min_cutoff);
  bool score_unit(int slot, int label, WordContexts::Scored& scored);
  void thin_candidates();
  void select(float lowest, float highest);
  void settle_ties(std::span<const float> held_scores, float last_place);
  Birth prepare(const Candidate& candidate, float score);
  void advance_timesteps();
  void evict();
  void enter(const Birth& birth, int slot);
  void adopt_orphans(int slot);
  void drop_dead();
  void collect_garbage();

  Prefix& prefix(int slot) { return slots_.prefix[static_cast<size_t>(slot)]; }
  const Prefix& prefix(int slot) const { return slots_.prefix[static_cast<size_t>(slot)]; }
  bool scores_words() const {
    return scorer_ != nullptr && scorer_->unit() == ScoredUnit::kWord;
  }
  float largest_bonus(int label) const;
  bool may_step(int slot, int label);
  uint64_t allowed_labels(const Prefix& prefix) const;
  uint64_t allowed_labels(const Prefix& prefix, uint64_t in_dictionary) const;
  void link(int slot, int32_t parent);
  const WordContexts::Scored& word_at(int slot);
  float final_bonus(int slot);

  const DecoderOptions options_;
  const std::shared_ptr<const Scorer> scorer_;
  const FrameKernel& kernel_;
  const bool is_masked_;  // few enough classes for BeamSlots::open
  HotPhrases phrases_;
  std::optional<WordContexts> contexts_;
  std::optional<DictionaryWalk> walk_;
  float largest_word_bonus_ = 0;
  std::vector<float> largest_bonuses_;  // by label

  int64_t frame_number_ = 0;
  bool started_ = false;
  BeamSlots slots_;
  PrefixTree prefixes_;
  HistoryForest timesteps_;
  size_t prefix_limit_, timestep_limit_, context_limit_;

  // State of the current frame.
  PosteriorFrame frame_;
  float floor_ = 0;  // score that a new prefix has to reach
  LastPlace last_place_;
  std::vector<Candidate> candidates_;
  std::vector<float> candidate_scores_;
  std::vector<int32_t> indices_, losers_, moved_;
  std::vector<uint64_t> affordable_, steps_;
  std::vector<Birth> births_;
  std::vector<std::pair<int32_t, HistoryForest::Node>> moves_;
};

}  // namespace stt
