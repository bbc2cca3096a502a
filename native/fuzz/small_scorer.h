// Scorers of a few kilobytes, in which most bytes mean something: what fuzzing starts from.
#pragma once

#include <cstdint>
#include <vector>

#include "lm/labels.h"
#include "lm/scorer.h"

namespace stt::fuzz {

// The four kinds of KenLM trie, by their number in the file.
enum class Trie : uint32_t { kPlain = 2, kQuantised = 3, kArray = 4, kQuantisedArray = 5 };

Labels characters();  // space, a to z, apostrophe
Labels all_bytes();

// The alphabet of the scorers of a unit: bytes where code points are scored.
Labels labels_of(ScoredUnit unit);

// Returns a `.scorer` file with a trigram model over a dozen words, as many code points, or all
// characters.
std::vector<uint8_t> small_scorer(Trie trie, ScoredUnit unit);

}  // namespace stt::fuzz
