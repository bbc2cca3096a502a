// Whatever the shapes and numbers are: an LSTM gives each stream what it gives it alone, to the bit,
// on all kernels; of int8 weights all kernels give the same.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "fuzz_input.h"
#include "products/activations.h"
#include "products/lstm.h"

namespace {

using stt::fuzz::Input;

bool is_same(float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); }

void expect_same(const std::vector<float>& a, const std::vector<float>& b) {
  if (!std::equal(a.begin(), a.end(), b.begin(), b.end(), is_same)) std::abort();
}

std::vector<float> take_values(Input& input, int64_t count) {
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) {
    value = input.below(32) == 0 ? input.take<float>()
                                 : static_cast<float>(input.take<int8_t>()) / 16;
  }
  return values;
}

struct Sizes {
  int64_t streams, steps, columns, hidden;
};

struct Streams {
  std::vector<float> x, h, c;
};

// The states of all steps of all streams, and the last c behind them.
template <typename Lstm>
std::vector<float> run(const Lstm& lstm, const Sizes& sizes, const Streams& streams, int threads) {
  std::vector<float> c = streams.c;
  std::vector<float> h(static_cast<size_t>(sizes.streams * sizes.steps * sizes.hidden));
  stt::run_lstm(lstm,
                {sizes.streams, sizes.steps, streams.x.data(), streams.h.data(), c.data(), h.data()},
                threads);
  h.insert(h.end(), c.begin(), c.end());
  return h;
}

template <typename Lstm>
std::vector<float> run_one_by_one(const Lstm& lstm, const Sizes& sizes, const Streams& streams,
                                  int threads) {
  std::vector<float> all_h, all_c;
  const int64_t row = sizes.steps * sizes.columns;
  for (int64_t n = 0; n < sizes.streams; ++n) {
    const auto part = [&](const std::vector<float>& values, int64_t size) {
      const auto from = values.begin() + n * size;
      return std::vector<float>(from, from + size);
    };
    const Streams one{part(streams.x, row), part(streams.h, sizes.hidden),
                      part(streams.c, sizes.hidden)};
    const std::vector<float> states =
        run(lstm, {1, sizes.steps, sizes.columns, sizes.hidden}, one, threads);
    const auto last_c = states.end() - sizes.hidden;
    all_h.insert(all_h.end(), states.begin(), last_c);
    all_c.insert(all_c.end(), last_c, states.end());
  }
  all_h.insert(all_h.end(), all_c.begin(), all_c.end());
  return all_h;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  const Sizes sizes{1 + input.below(9), 1 + input.below(4), 1 + input.below(40),
                    1 + input.below(40)};
  const int threads = input.below(4);
  const int64_t rows = 4 * sizes.hidden;
  std::vector<int8_t> weights(static_cast<size_t>(rows * (sizes.columns + sizes.hidden)));
  for (int8_t& weight : weights) weight = input.take<int8_t>();
  const std::vector<float> bias = take_values(input, rows);
  const Streams streams{take_values(input, sizes.streams * sizes.steps * sizes.columns),
                        take_values(input, sizes.streams * sizes.hidden),
                        take_values(input, sizes.streams * sizes.hidden)};
  const int64_t stride = sizes.columns + sizes.hidden;
  const stt::Int8Matrix x({weights.data(), rows, sizes.columns, stride});
  const stt::Int8Matrix h({weights.data() + sizes.columns, rows, sizes.hidden, stride});
  const stt::Int8Lstm lstm{x, h, 0.01f, input.flag() ? bias.data() : nullptr};
  std::vector<float> first;
  for (const std::string& activation : stt::activation_kernels()) {
    stt::use_activation_kernel(activation);
    for (const std::string& product : stt::int8_kernels()) {
      stt::use_int8_kernel(product);
      const std::vector<float> states = run(lstm, sizes, streams, threads);
      if (first.empty()) first = states;
      expect_same(states, first);
      expect_same(states, run_one_by_one(lstm, sizes, streams, threads));
    }
  }
  std::vector<float> floats(weights.begin(), weights.end());
  for (float& weight : floats) weight /= 64;
  const stt::FloatLstm of_floats{{floats.data(), rows, sizes.columns, stride},
                                 {floats.data() + sizes.columns, rows, sizes.hidden, stride},
                                 lstm.bias};
  for (const std::string& product : stt::float_kernels()) {
    stt::use_float_kernel(product);
    expect_same(run(of_floats, sizes, streams, threads),
                run_one_by_one(of_floats, sizes, streams, threads));
  }
  return 0;
}
