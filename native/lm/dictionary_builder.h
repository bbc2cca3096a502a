// Builds the dictionary of a scorer: the smallest deterministic acyclic acceptor of its words.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace stt {

// Returns the acceptor in OpenFst's ConstFst<StdArc> format, as it has to stand at byte `offset`
// of a file (alignment depends on it).
//
// `words` are spelled in alphabet labels, with the space that ends them where words are scored.
// All accepting states are one without arcs, as upstream's decoder needs it, so no word may be
// the beginning of another. Throws ScorerError where that is so, or where a word is empty.
//
// Method: Daciuk et al., "Incremental Construction of Minimal Acyclic Finite-State Automata", 2000.
std::string build_dictionary(std::vector<std::vector<int>> words, uint64_t offset);

}  // namespace stt
