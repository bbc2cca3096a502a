// Little-endian loads from unaligned memory, and a bounds-checked cursor over them.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

#include "errors.h"

namespace stt {

static_assert(std::endian::native == std::endian::little,
              "scorer files are little-endian and are used in place");

template <typename T>
T load(const uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}

class ByteReader {
 public:
  ByteReader(std::span<const uint8_t> bytes, uint64_t offset) : bytes_(bytes), offset_(offset) {}

  template <typename T>
  T read(const char* what) {
    return load<T>(take(sizeof(T), what));
  }

  // Returns the start of the next `size` bytes and moves past them.
  const uint8_t* take(uint64_t size, const char* what) {
    if (offset_ > bytes_.size() || size > bytes_.size() - offset_) {
      throw ScorerError("the file is truncated: its " + std::to_string(bytes_.size()) +
                        " bytes end inside " + what + ", which starts at byte " +
                        std::to_string(offset_) + "; copy or download it again");
    }
    const uint8_t* start = bytes_.data() + offset_;
    offset_ += size;
    return start;
  }

  void align(uint64_t to) { offset_ = (offset_ + to - 1) / to * to; }
  uint64_t offset() const { return offset_; }

 private:
  std::span<const uint8_t> bytes_;
  uint64_t offset_;
};

}  // namespace stt
