// CTC prefix beam search with a language model: upstream's results, streaming, in flat memory.
//
// It maximises, over label sequences y,
//     log P_ctc(y | x) + sum over words w of (alpha (log P_lm(w | history) + boosts) + beta)
//         + bonuses of the hot phrases in y,
// where P_ctc sums over alignments that stay in the beam. Method: Hannun et al., "First-Pass Large
// Vocabulary Continuous Speech Recognition using Bi-Directional Recurrent DNNs", 2014. Candidates
// that cannot enter the beam are never made: the beam's worst prefix, moved over the frame, is a
// floor that a new one has to reach. That prunes nothing that upstream keeps.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "frame_kernel.h"
#include "hot_phrases.h"
#include "prefix_tree.h"
#include "scorer.h"
#include "word_contexts.h"

namespace stt {

struct DecoderOptions {
  int classes = 0;           // columns of the posteriors, the blank among them
  int blank = -1;            // the blank's column; -1: the last one
  int64_t beam_size = 500;   // prefixes kept after each frame
  double cutoff_prob = 1.0;  // likeliest classes of a frame to keep, by cumulative probability
  int64_t cutoff_top_n = 40; // and by number; acts only where cutoff_prob < 1, as upstream's does
  double alpha = 0;          // weight of the language model
  double beta = 0;           // worth of every word
  std::vector<bool> ignored; // classes that are never emitted, by column; empty: none
  std::map<std::string, float> hot_words;  // upstream's: boosts the n-grams that hold the word
  std::vector<HotPhrases::Phrase> hot_phrases;
  int space = -1;            // column of the space, -1 where there is none
  bool is_bytes = false;     // byte output mode
};

struct Hypothesis {
  double confidence = 0;  // log, the language model's part included
  std::vector<int> tokens;
  std::vector<int> timesteps;  // by token: the frame where it best begins
};

class BeamSearch {
 public:
  // `scorer` may be null. Throws DecodeError where the options make no sense.
  BeamSearch(DecoderOptions options, std::shared_ptr<const Scorer> scorer);

  // Moves over `frames` rows of probabilities [frames, classes].
  // Throws DecodeError where a row is not a distribution; the rows before it have been taken.
  template <typename Real>
  void feed(const Real* probs, int64_t frames);
  // Returns the best `num_results` hypotheses so far, best first. The search can go on.
  std::vector<Hypothesis> decode(int64_t num_results);

  int64_t frames() const { return frame_; }

 private:
  using Node = PrefixTree::Node;

  // The beam, a column per property; slot 0 is "no parent".
  struct Slots {
    int count = 0;
    std::vector<float> blank, label_end, score, bonus, next_blank, next_label_end, next_score;
    std::vector<float> emission, blank_rival, parent_score, parent_base;
    std::vector<int32_t> label, parent, repeats, moved, children;
    std::vector<uint64_t> open;  // bit c: a step to class c is allowed and new (classes < 64)
    std::vector<Node> node;
    std::vector<HistoryForest::Node> timestep;
    std::vector<Dictionary::State> state;
    std::vector<WordContexts::Context> context;
    std::vector<HotPhrases::State> phrase;
    std::vector<WordContexts::Scored> word;  // the score of the word that ends here, once asked
    std::vector<uint8_t> word_known;
    std::vector<uint8_t> bytes_seen, bytes_needed;  // of the code point being spelled

    void resize(size_t size);
    SlotView view();
  };
  // A new prefix that may enter the beam.
  struct Candidate {
    int32_t slot = 0;  // its parent's
    int32_t label = 0;
    float bonus = 0;
    WordContexts::Context context = 0;
    HotPhrases::State phrase = 0;
  };
  // What a candidate needs of its parent, read before slots are reused.
  struct Birth {
    Candidate candidate;
    float score = 0;
    Node parent_node = 0;
    HistoryForest::Node parent_timestep = 0;
    Dictionary::State state = 0;
    uint8_t bytes_seen = 0, bytes_needed = 0;
    bool repeats = false, orphan = false;
  };

  void check_options() const;
  template <typename Real>
  void read_frame(const Real* row);
  void cut_classes(double cutoff_prob);
  void step();
  bool take_step(double blank_prob);
  void propose(int label, float floor, float min_cutoff);
  void propose_step(int slot, int label, float floor, float min_cutoff);
  void thin_candidates(float& floor);
  void select();
  bool is_taken(int slot, int label) const;
  Dictionary::State next_state(int slot, int label) const;
  bool scores_step(int slot, int label, WordContexts::Scored& scored);
  const WordContexts::Scored& word_at(int slot);
  void advance_timesteps();
  void evict(const std::vector<int32_t>& losers);
  void enter(const Birth& birth, int slot);
  Birth prepare(const Candidate& candidate, float score);
  uint64_t open_labels(int slot) const;
  void drop_dead();
  void collect_garbage();
  float final_bonus(int slot);
  uint64_t hash_unit(int slot, int extra_label) const;
  bool is_scored_utf8() const { return scorer_ != nullptr && scorer_->is_utf8(); }

  DecoderOptions options_;
  std::shared_ptr<const Scorer> scorer_;
  const FrameKernel& kernel_;
  HotPhrases phrases_;
  std::optional<WordContexts> contexts_;
  float largest_word_bonus_ = 0;

  int64_t frame_ = 0;
  bool started_ = false;
  Slots slots_;
  PrefixTree prefixes_;
  HistoryForest timesteps_;
  size_t prefix_limit_, timestep_limit_, context_limit_;

  // Of the frame at hand.
  std::vector<float> probs_, log_probs_, blank_rival_;
  std::vector<int> kept_;
  std::vector<std::pair<float, int>> ranking_;
  std::vector<Candidate> candidates_;
  std::vector<float> candidate_scores_, selection_;
  std::vector<int32_t> indices_, losers_;
  std::vector<Birth> births_;
  std::vector<std::pair<int32_t, HistoryForest::Node>> moves_;
};

}  // namespace stt
