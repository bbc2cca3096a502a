// The prefixes of a beam, in flat memory.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/frame_kernel.h"
#include "lm/dictionary.h"
#include "search/hot_phrases.h"
#include "search/prefix_tree.h"
#include "search/word_contexts.h"

namespace stt {

constexpr int32_t kNoSlot = 0;

// Fields that every frame reads are stored in columns; fields that only steps read, in one record.
// Slot 0 stands for "none": no path reaches it, and prefixes without a parent have it as theirs.
struct BeamSlots {
  struct Prefix {
    PrefixTree::Node node = 0;
    HistoryForest::Node timestep = 0;
    Dictionary::State state = Dictionary::kNone;
    WordContexts::Context context = 0;  // the words before the one being spelled
    HotPhrases::State phrase = 0;
    WordContexts::Scored word;  // score of the word that ends here; valid if word_known
    int32_t children = 0;       // number of children in the beam
    bool word_known = false;
    uint8_t bytes_seen = 0, bytes_needed = 0;  // of the code point being spelled
  };

  int count = 0;
  std::vector<float> blank, label_end, score, bonus;
  std::vector<int32_t> label, parent, repeats;
  std::vector<uint64_t> open;  // bit c: a step to class c is allowed and new (small alphabets)
  std::vector<Prefix> prefix;
  // After the frame.
  std::vector<float> next_blank, next_label_end, next_score;
  std::vector<int32_t> moved;

  void resize(size_t size) {
    for (auto* column : {&blank, &label_end, &score, &bonus, &next_blank, &next_label_end,
                         &next_score, &emission_, &blank_rival_, &parent_score_, &parent_base_}) {
      column->resize(size, kLogZero);
    }
    for (auto* column : {&label, &parent, &repeats, &moved}) column->resize(size);
    open.resize(size);
    prefix.resize(size);
  }

  SlotView view() {
    return {count,
            blank.data(),
            label_end.data(),
            score.data(),
            bonus.data(),
            label.data(),
            parent.data(),
            repeats.data(),
            next_blank.data(),
            next_label_end.data(),
            next_score.data(),
            moved.data(),
            emission_.data(),
            blank_rival_.data(),
            parent_score_.data(),
            parent_base_.data()};
  }

  // Makes the scores after the frame the current ones.
  void advance() {
    blank.swap(next_blank);
    label_end.swap(next_label_end);
    score.swap(next_score);
  }

  // Moves a prefix to a lower slot, without its links to parent and children.
  void move(size_t from, size_t to) {
    for (auto* column : {&blank, &label_end, &score, &bonus}) (*column)[to] = (*column)[from];
    for (auto* column : {&label, &repeats}) (*column)[to] = (*column)[from];
    prefix[to] = prefix[from];
  }

 private:
  std::vector<float> emission_, blank_rival_, parent_score_, parent_base_;
};

}  // namespace stt
