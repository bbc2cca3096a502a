// Words and phrases that the user expects. Each occurrence in the text earns a bonus.
//
// An Aho-Corasick automaton over labels. While a phrase is being spelled, part of its bonus is lent
// in advance, so that it stays in the beam; where the spelling goes another way the loan is taken
// back. So the bonus is paid exactly once per occurrence, and splitting what follows into letters
// gains nothing. Where the alphabet has a space, phrases match whole words only: each is matched
// with a space on both sides, and the text is taken to start and end with one.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "lm/labels.h"

namespace stt {

class HotPhrases {
 public:
  using State = int32_t;
  struct Phrase {
    std::vector<int> labels;
    float boost = 0;  // nats; negative discourages
  };

  HotPhrases() = default;
  // `space` is the class that separates words, -1 to match anywhere.
  HotPhrases(const std::vector<Phrase>& phrases, int space);

  bool empty() const { return nodes_.size() <= 1; }
  State start() const { return start_; }
  // Returns the state after `label`; sets `bonus` to the bonus of the step.
  State next(State state, int label, float& bonus) const;
  // Returns the bonus for ending the text in `state`: completed phrases less the loan.
  float finish(State state) const;
  // Whether `label` continues a phrase being spelled: such words need not be in a dictionary.
  bool continues(State state, int label) const;
  // An upper bound of the bonus of a step.
  float largest_bonus() const { return largest_bonus_; }

 private:
  struct Node {
    std::map<int, State> children;
    State fail = 0;
    int depth = 0;
    float loan = 0;    // bonus paid in advance up to here
    float reward = 0;  // bonuses of the phrases complete here
  };
  State child(State state, int label) const;
  State walk(State state, int label) const;

  std::vector<Node> nodes_;
  State start_ = 0;
  int space_ = -1;
  float largest_bonus_ = 0;
};

}  // namespace stt
