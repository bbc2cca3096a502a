// The settings of the beam search.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "search/hot_phrases.h"

namespace stt {

struct DecoderOptions {
  int classes = 0;            // columns of the posteriors, the blank among them
  int blank = -1;             // the blank's column; -1: the last one
  int64_t beam_size = 500;    // prefixes kept after each frame
  double cutoff_prob = 1.0;   // likeliest classes of a frame to keep, by cumulative probability
  int64_t cutoff_top_n = 40;  // and by number; drops classes only if cutoff_prob < 1, as upstream
  double alpha = 0;           // weight of the language model
  double beta = 0;            // bonus for each word
  std::vector<bool> ignored;  // classes that are never emitted, by column; empty: none
  std::map<std::string, float> hot_words;  // upstream's: boosts the n-grams that hold the word
  std::vector<HotPhrases::Phrase> hot_phrases;
  int space = -1;         // column of the space, -1 where there is none
  bool is_bytes = false;  // byte output mode

  // Returns the options with defaults filled in. Throws DecodeError if they are invalid.
  DecoderOptions checked() const;
};

}  // namespace stt
