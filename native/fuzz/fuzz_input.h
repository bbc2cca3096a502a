// The bytes that a fuzz target is given, as values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace stt::fuzz {

// Takes values off the front of the input; zeros after its end.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : data_(data), size_(size) {}

  template <typename T>
  T take() {
    T value{};
    const size_t count = size_ < sizeof(T) ? size_ : sizeof(T);
    if (count > 0) std::memcpy(&value, data_, count);
    data_ += count;
    size_ -= count;
    return value;
  }
  // A number from 0 to limit - 1; limit is at most 256.
  int below(int limit) { return take<uint8_t>() % limit; }
  bool flag() { return below(2) == 1; }
  bool is_empty() const { return size_ == 0; }

 private:
  const uint8_t* data_;
  size_t size_;
};

}  // namespace stt::fuzz
