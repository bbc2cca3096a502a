#include "products/int8_matrix.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <stdexcept>
#include <string>

namespace stt {
namespace {

int64_t checked_columns(int64_t columns) {
  if (columns > kMostInt8Columns) {
    throw std::invalid_argument("an int8 matrix has " + std::to_string(columns) +
                                " columns; sums of more than " + std::to_string(kMostInt8Columns) +
                                " products could overflow");
  }
  return columns;
}

}  // namespace

Int8Matrix::Int8Matrix(int64_t rows, int64_t columns)
    : rows_(rows),
      columns_(checked_columns(columns)),
      packed_(tiles() * tile_size()),
      row_sums_(static_cast<size_t>(rows)) {
  std::memset(packed_.data(), 0, static_cast<size_t>(tiles() * tile_size()));
}

Int8Matrix::Int8Matrix(const Int8Rows& weights) : Int8Matrix(weights.count, weights.columns) {
  fill(0, weights);
}

void Int8Matrix::fill(int64_t first, const Int8Rows& weights) {
  if (first < 0 || weights.columns != columns_ || weights.count > rows_ - first) {
    throw std::invalid_argument("rows " + std::to_string(first) + " to " +
                                std::to_string(first + weights.count) + " of " +
                                std::to_string(weights.columns) + " columns do not fit into a " +
                                std::to_string(rows_) + " x " + std::to_string(columns_) +
                                " matrix");
  }
  for (int64_t r = 0; r < weights.count; ++r) {
    const int64_t row = first + r;
    const int8_t* from = weights.values + r * weights.stride;
    int8_t* to = packed_.data() + row / kTileRows * tile_size() + row % kTileRows * kGroupColumns;
    for (int64_t c = 0; c < columns_; c += kGroupColumns, to += kGroupColumns * kTileRows) {
      if (c + kGroupColumns <= columns_) {
        std::memcpy(to, from + c, kGroupColumns);
      } else {
        std::copy(from + c, from + columns_, to);
      }
    }
    row_sums_[static_cast<size_t>(row)] = std::accumulate(from, from + columns_, int32_t{0});
  }
}

}  // namespace stt
