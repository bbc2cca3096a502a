#include "products/int8_product.h"

#include <algorithm>
#include <vector>

#include "kernels/kernel_choice.h"
#include "kernels/work_shares.h"
#include "products/int8_kernel.h"

namespace stt {
namespace {

constexpr int64_t kTileRows = Int8Matrix::kTileRows;

KernelChoice<Int8Kernel>& kernels() {
  static KernelChoice<Int8Kernel> choice(int8_kernel_list());
  return choice;
}

// Rows of x as kernels take them: filled up to whole groups of columns with what counts as 0 there.
class QuantizedRows {
 public:
  QuantizedRows(const FloatRows& x, const Int8Matrix& matrix, const Int8Kernel& kernel)
      : stride_(matrix.groups() * Int8Matrix::kGroupColumns),
        values_(static_cast<size_t>(x.count * stride_)) {
    const int64_t columns = matrix.columns();
    for (int64_t n = 0; n < x.count; ++n) {
      const float peak = x.peaks ? x.peaks[n] : 0.0f;
      uint8_t* row = values_.data() + n * stride_;
      scales_.push_back(kernel.quantize(x.values + n * columns, columns, peak, row));
    }
  }

  const uint8_t* row(int64_t n) const { return values_.data() + n * stride_; }
  int64_t stride() const { return stride_; }
  float scale(int64_t n) const { return scales_[static_cast<size_t>(n)]; }

 private:
  int64_t stride_;
  std::vector<uint8_t> values_;
  std::vector<float> scales_;
};

// Calls store(n, row, count, sums of the kernel) for rows `row` to `row + count` of the result, tile
// by tile: one is read from memory once, and from the second cache for each further block of x.
template <typename Store>
void sum_tiles(const Int8Kernel& kernel, const Int8Matrix& matrix, const QuantizedRows& x,
               int64_t count, int64_t first, int64_t last, const Store& store) {
  alignas(64) int32_t sums[Int8Kernel::kMostRows * kTileRows];
  const int64_t blocks = (count + Int8Kernel::kMostRows - 1) / Int8Kernel::kMostRows;
  for (int64_t tile = first; tile < last; ++tile) {
    const int64_t row = tile * kTileRows, rows = std::min(kTileRows, matrix.rows() - row);
    int64_t n = 0;
    for (int64_t block = 0; block < blocks; ++block) {
      const int64_t end = count * (block + 1) / blocks;
      kernel.multiply_tile(matrix.tile(tile), matrix.groups(), x.row(n), x.stride(),
                           static_cast<int>(end - n), sums);
      for (const int32_t* of_row = sums; n < end; ++n, of_row += kTileRows) {
        store(n, row, rows, of_row);
      }
    }
  }
}

// Calls store(kernel, quantized x, n, row, count, sums) for all of the result.
template <typename Store>
void sum_all(const Int8Matrix& matrix, const FloatRows& x, int threads, const Store& store) {
  const Int8Kernel& kernel = kernels().chosen();
  const QuantizedRows quantized(x, matrix, kernel);
  share_work(matrix.tiles(), x.count * matrix.rows() * matrix.columns(), threads,
             [&](int64_t first, int64_t last) {
               sum_tiles(kernel, matrix, quantized, x.count, first, last,
                         [&](int64_t n, int64_t row, int64_t rows, const int32_t* sums) {
                           store(kernel, quantized, n, row, rows, sums);
                         });
             });
}

}  // namespace

void multiply(const Int8Matrix& matrix, float scale, const FloatRows& x, const float* bias,
              float* out, int threads) {
  sum_all(matrix, x, threads,
          [&](const Int8Kernel& kernel, const QuantizedRows& quantized, int64_t n, int64_t row,
              int64_t rows, const int32_t* sums) {
            kernel.scale(sums, matrix.row_sums() + row,
                         x.addends ? x.addends + n * x.addends_stride + row : nullptr,
                         bias ? bias + row : nullptr, quantized.scale(n) * scale, rows,
                         out + n * matrix.rows() + row);
          });
}

void sum(const Int8Matrix& matrix, const FloatRows& x, int32_t* out, int threads) {
  sum_all(matrix, x, threads,
          [&](const Int8Kernel& kernel, const QuantizedRows&, int64_t n, int64_t row, int64_t rows,
              const int32_t* sums) {
            const int32_t* row_sums = matrix.row_sums() + row;
            int32_t* to = out + n * matrix.rows() + row;
            for (int64_t r = 0; r < rows; ++r) to[r] = sums[r] - kernel.x_offset * row_sums[r];
          });
}

std::vector<std::string> int8_kernels() { return kernels().names(); }

void use_int8_kernel(std::string_view name) { kernels().use(name); }

}  // namespace stt
