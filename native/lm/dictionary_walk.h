// Steps through a dictionary that are taken again and again, remembered.
#pragma once

#include <cstdint>
#include <vector>

#include "lm/dictionary.h"

namespace stt {

// The prefixes of a beam differ in their first words and share the one being spelled, so the same
// few steps are asked for all the time, while the dictionary lies scattered over mapped memory.
class DictionaryWalk {
 public:
  struct Step {
    Dictionary::State next = Dictionary::kNone;
    uint64_t labels = 0;  // what `next` has arcs for, see Dictionary::label_bits
  };

  explicit DictionaryWalk(const Dictionary& dictionary) : dictionary_(dictionary), kept_(kKept) {}

  Step step(Dictionary::State state, int label) {
    const uint64_t key = (static_cast<uint64_t>(state) << 32) | static_cast<uint32_t>(label);
    Entry& entry = kept_[(key * 0x9e3779b97f4a7c15ULL) >> (64 - kKeptBits)];
    if (entry.key != key) {
      const auto next = dictionary_.next(state, label);
      entry = {key, {next, next == Dictionary::kNone ? 0 : dictionary_.label_bits(next)}};
    }
    return entry.step;
  }

 private:
  static constexpr int kKeptBits = 12;
  static constexpr size_t kKept = size_t{1} << kKeptBits;
  struct Entry {
    uint64_t key = UINT64_MAX;
    Step step;
  };

  const Dictionary& dictionary_;
  std::vector<Entry> kept_;
};

}  // namespace stt
