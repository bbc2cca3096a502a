// Whatever the posteriors and settings are: they are refused with a DecodeError, or give a result.

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "beam_search.h"
#include "errors.h"

namespace {

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
  bool is_empty() const { return size_ == 0; }

 private:
  const uint8_t* data_;
  size_t size_;
};

stt::DecoderOptions take_options(Input& input) {
  stt::DecoderOptions options;
  options.classes = input.take<uint8_t>() % 100;
  options.blank = input.take<int8_t>();
  options.beam_size = input.take<int8_t>();
  options.cutoff_top_n = input.take<int8_t>();
  options.cutoff_prob = input.take<uint8_t>() / 250.0;
  options.space = input.take<uint8_t>() % 3 - 1;
  if (options.space >= options.classes) options.space = -1;
  if (options.classes > 2 && input.take<uint8_t>() % 2 == 0) {
    options.hot_phrases.push_back({{1, 0, 1}, input.take<float>()});
  }
  return options;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  try {
    const stt::DecoderOptions options = take_options(input);
    stt::BeamSearch search(options, nullptr);
    const bool normalise = input.take<uint8_t>() % 8 != 0;
    std::vector<float> row(static_cast<size_t>(options.classes));
    for (int t = 0; t < 50 && !input.is_empty(); ++t) {
      float sum = 0;
      for (float& value : row)
        sum += value = normalise ? input.take<uint8_t>() / 255.0f : input.take<float>();
      for (float& value : row) value = normalise && sum > 0 ? value / sum : value;
      search.feed(row.data(), 1);
      if (search.decode(3).empty()) std::abort();
    }
  } catch (const stt::DecodeError&) {
    return 0;  // what bad input has to give
  }
  return 0;
}
