#include "lm/dictionary.h"

#include <algorithm>
#include <limits>
#include <string>

#include "errors.h"
#include "lm/byte_reader.h"
#include "lm/dictionary_format.h"

namespace stt {
namespace {

std::string read_string(ByteReader& reader) {
  const auto size = reader.read<int32_t>("the dictionary's header");
  if (size < 0 || size > 64) throw ScorerError("its dictionary has a damaged header");
  const uint8_t* text = reader.take(static_cast<uint64_t>(size), "the dictionary's header");
  return {text, text + size};
}

}  // namespace

Dictionary::Dictionary(std::span<const uint8_t> file, uint64_t offset) {
  constexpr const char* kWhat = "the dictionary's header";
  ByteReader reader(file, offset);
  if (reader.read<int32_t>(kWhat) != fst::kMagic) {
    throw ScorerError("it has no dictionary where one belongs (byte " + std::to_string(offset) +
                      ")");
  }
  const std::string fst_type = read_string(reader), arc_type = read_string(reader);
  if (fst_type != "const" || arc_type != "standard") {
    throw ScorerError("its dictionary is an FST of type '" + fst_type + "' with '" + arc_type +
                      "' arcs; 'const' with 'standard' arcs is read");
  }
  const auto version = reader.read<int32_t>(kWhat);
  const auto flags = reader.read<int32_t>(kWhat);
  if (version != fst::kAlignedVersion && version != fst::kVersion) {
    throw ScorerError("its dictionary has the unknown version " + std::to_string(version));
  }
  if ((flags & (fst::kHasInputSymbols | fst::kHasOutputSymbols)) != 0) {
    throw ScorerError("its dictionary carries symbol tables, which scorers do not have");
  }
  reader.read<uint64_t>(kWhat);  // properties: hints, recomputed by nobody
  const auto start = reader.read<int64_t>(kWhat);
  const auto state_count = reader.read<int64_t>(kWhat);
  const auto arc_count = reader.read<int64_t>(kWhat);
  const auto limit =
      static_cast<int64_t>(std::min<uint64_t>(file.size(), std::numeric_limits<int32_t>::max()));
  if (state_count < 1 || state_count > limit || arc_count < 0 || arc_count > limit || start < 0 ||
      start >= state_count) {
    throw ScorerError("its dictionary is damaged or empty: start state " + std::to_string(start) +
                      ", " + std::to_string(state_count) + " states, " + std::to_string(arc_count) +
                      " arcs");
  }
  start_ = static_cast<State>(start);
  state_count_ = static_cast<uint64_t>(state_count);
  arc_count_ = static_cast<uint64_t>(arc_count);
  const bool aligned = version == fst::kAlignedVersion || (flags & fst::kIsAligned) != 0;
  if (aligned) reader.align(fst::kAlignment);
  states_ = reader.take(state_count_ * fst::kStateSize, "the dictionary's states");
  if (aligned) reader.align(fst::kAlignment);
  arcs_ = reader.take(arc_count_ * fst::kArcSize, "the dictionary's arcs");
  end_offset_ = reader.offset();
}

Dictionary::State Dictionary::next(State state, int label) const {
  const Arcs arcs = arcs_of(state);
  uint64_t low = arcs.begin, high = arcs.end;
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    if (label_of(middle) < label) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == arcs.end || label_of(low) != label) return kNone;
  return target_of(low);
}

}  // namespace stt
