#include "products/lstm.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "kernels/work_shares.h"
#include "products/activations.h"
#include "products/int8_kernel.h"

namespace stt {
namespace {

// Products of the input of all steps, and what each step makes of them.
class Int8Steps {
 public:
  Int8Steps(const Int8Lstm& lstm, const LstmRun& run, int threads)
      : lstm_(lstm),
        run_(run),
        threads_(threads),
        columns_(lstm.x.columns()),
        width_(lstm.x.rows()),
        sums_(std::make_unique_for_overwrite<int32_t[]>(
            static_cast<size_t>(run.streams * run.steps * width_))) {
    sum(lstm.x, {run.x, run.streams * run.steps}, sums_.get(), threads);
  }

  // gates[n] = W [x[n, step]; h[n]] + b
  void take(int64_t step, const float* h, float* gates) {
    const int64_t hidden = lstm_.h.columns();
    std::vector<float> peaks;
    std::vector<int64_t> exceeding;  // streams of which h has the larger values
    std::vector<float> their_x, their_peaks;
    for (int64_t n = 0; n < run_.streams; ++n) {
      const float* x = run_.x + (n * run_.steps + step) * columns_;
      const float peak_of_x = largest_magnitude(x, columns_, 0.0f);
      const float peak_of_h = largest_magnitude(h + n * hidden, hidden, 0.0f);
      peaks.push_back(peak_of_x);
      if (peak_of_h > peak_of_x) {
        exceeding.push_back(n);
        their_x.insert(their_x.end(), x, x + columns_);
        their_peaks.push_back(peak_of_h);
      }
    }
    round_anew(step, exceeding, their_x, their_peaks);
    multiply(lstm_.h, lstm_.scale,
             {h, run_.streams, peaks.data(), sums_.get() + step * width_, run_.steps * width_},
             lstm_.bias, gates, threads_);
  }

 private:
  // Adds up the products of some streams' x again, rounded by the scale of h.
  void round_anew(int64_t step, const std::vector<int64_t>& streams, const std::vector<float>& x,
                  const std::vector<float>& peaks) {
    const auto count = static_cast<int64_t>(streams.size());
    if (count == 0) return;
    std::vector<int32_t> anew(static_cast<size_t>(count * width_));
    sum(lstm_.x, {x.data(), count, peaks.data()}, anew.data(), threads_);
    for (int64_t i = 0; i < count; ++i) {
      const int64_t row = streams[static_cast<size_t>(i)] * run_.steps + step;
      std::copy_n(anew.data() + i * width_, width_, sums_.get() + row * width_);
    }
  }

  const Int8Lstm& lstm_;
  const LstmRun& run_;
  int threads_;
  int64_t columns_, width_;
  std::unique_ptr<int32_t[]> sums_;  // [streams, steps, 4 * hidden]
};

class FloatSteps {
 public:
  FloatSteps(const FloatLstm& lstm, const LstmRun& run, int threads)
      : lstm_(lstm),
        run_(run),
        threads_(threads),
        products_(std::make_unique_for_overwrite<float[]>(
            static_cast<size_t>(run.streams * run.steps * lstm.x.rows))) {
    multiply(lstm.x, run.x, run.streams * run.steps, nullptr, products_.get(), threads);
  }

  void take(int64_t step, const float* h, float* gates) {
    multiply(lstm_.h, h, run_.streams, lstm_.bias, gates, threads_);
    const int64_t width = lstm_.h.rows;
    for (int64_t n = 0; n < run_.streams; ++n) {
      const float* of_x = products_.get() + (n * run_.steps + step) * width;
      float* row = gates + n * width;
      for (int64_t r = 0; r < width; ++r) row[r] += of_x[r];
    }
  }

 private:
  const FloatLstm& lstm_;
  const LstmRun& run_;
  int threads_;
  std::unique_ptr<float[]> products_;  // [streams, steps, 4 * hidden]
};

template <typename Steps, typename Lstm>
void run_steps(const Lstm& lstm, int64_t hidden, const LstmRun& run, int threads) {
  Steps steps(lstm, run, threads);
  std::vector<float> h(run.h0, run.h0 + run.streams * hidden);
  std::vector<float> gates(static_cast<size_t>(4 * run.streams * hidden));
  for (int64_t step = 0; step < run.steps; ++step) {
    steps.take(step, h.data(), gates.data());
    for (int64_t n = 0; n < run.streams; ++n) {
      float* of_stream = h.data() + n * hidden;
      lstm_cell(gates.data() + 4 * n * hidden, hidden, run.c + n * hidden, of_stream);
      std::copy_n(of_stream, hidden, run.h + (n * run.steps + step) * hidden);
    }
  }
}

}  // namespace

void run_lstm(const Int8Lstm& lstm, const LstmRun& run, int threads) {
  run_steps<Int8Steps>(lstm, lstm.h.columns(), run, threads);
}

void run_lstm(const FloatLstm& lstm, const LstmRun& run, int threads) {
  run_steps<FloatSteps>(lstm, lstm.h.columns, run, threads);
}

}  // namespace stt
