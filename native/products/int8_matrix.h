// An int8 matrix, laid out for products of many rows, or of one, with it.
#pragma once

#include <cstdint>
#include <vector>

#include "products/large_buffer.h"

namespace stt {

// More columns could overflow the 32 bits of a sum.
constexpr int64_t kMostInt8Columns = 1 << 16;

// Rows of weights as they lie in a file.
struct Int8Rows {
  const int8_t* values = nullptr;  // [count, columns], rows `stride` apart
  int64_t count = 0;
  int64_t columns = 0;
  int64_t stride = 0;
};

// Tiles of 64 rows, one behind the other; in a tile, of four columns at a time all rows:
//
//     row 0, columns 0 to 3 | row 1, columns 0 to 3 | ... | row 63 | row 0, columns 4 to 7 | ...
//
// A vector of them times four values of x, repeated, gives a sum for each row in a lane of its own:
// no lanes are added up at the end, and all is read in the order it lies in. Rows and columns that
// fill up a tile are zero.
class Int8Matrix {
 public:
  static constexpr int64_t kTileRows = 64;
  static constexpr int64_t kGroupColumns = 4;

  // A matrix of zeros. Throws std::invalid_argument where there are more than kMostInt8Columns
  // columns.
  Int8Matrix(int64_t rows, int64_t columns);
  explicit Int8Matrix(const Int8Rows& weights);

  // Puts rows in their place, from row `first` on. Throws std::invalid_argument where they do not
  // fit.
  void fill(int64_t first, const Int8Rows& weights);

  int64_t rows() const { return rows_; }
  int64_t columns() const { return columns_; }
  int64_t tiles() const { return (rows_ + kTileRows - 1) / kTileRows; }
  int64_t groups() const { return (columns_ + kGroupColumns - 1) / kGroupColumns; }
  const int8_t* tile(int64_t index) const { return packed_.data() + index * tile_size(); }
  // Sums of the weights of each row.
  const int32_t* row_sums() const { return row_sums_.data(); }

 private:
  int64_t tile_size() const { return groups() * kGroupColumns * kTileRows; }

  int64_t rows_;
  int64_t columns_;
  LargeBuffer packed_;
  std::vector<int32_t> row_sums_;
};

}  // namespace stt
