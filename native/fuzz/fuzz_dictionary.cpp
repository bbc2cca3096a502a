// For any bytes after a scorer's header: the dictionary is refused, or every walk through it stays
// in bounds. For any words: the dictionary built from them accepts these words and no others.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "errors.h"
#include "fuzz_input.h"
#include "lm/dictionary.h"
#include "lm/dictionary_builder.h"

namespace {

using stt::Dictionary;
using stt::fuzz::Input;

void walk(std::span<const uint8_t> file, uint64_t offset) {
  const Dictionary dictionary(file, offset);
  std::vector<Dictionary::State> reached{dictionary.start()};
  std::vector<bool> seen(dictionary.states());
  seen[static_cast<size_t>(dictionary.start())] = true;
  uint64_t arcs = 0;
  for (size_t i = 0; i < reached.size() && arcs < 100'000; ++i) {
    dictionary.label_bits(reached[i]);
    dictionary.for_each_arc(reached[i], [&](int label, Dictionary::State next) {
      ++arcs;
      dictionary.next(reached[i], label);
      if (next == Dictionary::kNone || seen[static_cast<size_t>(next)]) return;
      seen[static_cast<size_t>(next)] = true;
      reached.push_back(next);
    });
  }
}

bool spells(const Dictionary& dictionary, const std::vector<int>& word) {
  auto state = dictionary.start();
  for (size_t i = 0; i < word.size(); ++i) {
    if (i > 0 && state == dictionary.start()) return false;  // the next word begins here
    state = dictionary.next(state, word[i]);
    if (state == Dictionary::kNone) return false;
  }
  return state == dictionary.start();
}

void build(Input input) {
  constexpr int kEnd = 7, kLetters = 5;
  std::vector<std::vector<int>> words;
  while (!input.is_empty() && words.size() < 60) {
    std::vector<int> word;
    for (int length = input.below(9); length > 0; --length) word.push_back(input.below(kLetters));
    if (input.below(50) != 0) word.push_back(kEnd);  // else it may begin another, or be empty
    words.push_back(std::move(word));
  }
  const uint64_t offset = words.size();
  const std::string built = std::string(offset, 'x') + stt::build_dictionary(words, offset);
  const auto* bytes = reinterpret_cast<const uint8_t*>(built.data());
  const Dictionary dictionary({bytes, built.size()}, offset);
  if (dictionary.end_offset() != built.size()) std::abort();
  for (auto word : words) {
    if (!spells(dictionary, word)) std::abort();
    word.insert(word.begin(), 0);
    const bool known = std::find(words.begin(), words.end(), word) != words.end();
    if (spells(dictionary, word) != known) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    // Exactly as long as the file, so that any step behind it is seen.
    const std::vector<uint8_t> file(data, data + size);
    walk(file, 0);
  } catch (const stt::ScorerError&) {
  }
  try {
    build(Input(data, size));
  } catch (const stt::ScorerError&) {
  }
  return 0;
}
