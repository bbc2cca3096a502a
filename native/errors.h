// Errors a user can mend. The bindings turn them into their Python namesakes.
#pragma once

#include <stdexcept>

namespace stt {

// A scorer file is missing, malformed, or does not fit the alphabet.
struct ScorerError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Posteriors or decoder settings that cannot be decoded.
struct DecodeError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace stt
