// What OpenFst writes for a ConstFst<StdArc>: constants shared by the reader and the writer.
#pragma once

#include <cstdint>

namespace stt::fst {

constexpr int32_t kMagic = 2125659606;
constexpr int32_t kAlignedVersion = 1;
constexpr int32_t kVersion = 2;
constexpr int32_t kHasInputSymbols = 1, kHasOutputSymbols = 2, kIsAligned = 4;
constexpr uint64_t kAlignment = 16;
// {f32 final weight, u32 first arc, u32 arcs, u32 input epsilons, u32 output epsilons}
constexpr uint64_t kStateSize = 20;
// {i32 input label, i32 output label, f32 weight, i32 next state}
constexpr uint64_t kArcSize = 16;

}  // namespace stt::fst
