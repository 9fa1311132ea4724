// Parts of symmetric matrices.
#ifndef CT_SYMMETRIC_TILES_H
#define CT_SYMMETRIC_TILES_H

#include "interleave.h"
#include "tasks.h"

#include <vector>

namespace ct {

/// A part of the lower triangle: rows [row, row + rows) times columns [column, column + columns).
struct Tile {
    int64_t row, rows, column, columns;
};

/// Cuts the lower triangle into strips of rows that end at the diagonal, and these into tiles.
inline std::vector<Tile> lower_tiles(int64_t n, int64_t height, int64_t width) {
    std::vector<Tile> result;
    for (int64_t row = 0; row < n; row += height) {
        auto rows = std::min(height, n - row);
        for (int64_t column = 0; column < row + rows; column += width)
            result.push_back({row, rows, column, std::min(width, row + rows - column)});
    }
    return result;
}

/// How high strips are: an eighth of the matrix, for 9/16 of the work of a general product, but no thinner than
/// products run well at.
inline int64_t strip_height(int64_t n) { return std::clamp<int64_t>(quotient_up(quotient_up(n, 8), 16) * 16, 16, 256); }

/// Copies the lower triangle to the upper one.
template <class T> void mirror_lower(T *matrix, int64_t step, int64_t n) {
    constexpr int64_t tile = 64;
    auto count = quotient_up(n, tile);
    auto row = [&](int64_t number) {
        // The longest rows first: the last task to end is a short one.
        auto i = (count - 1 - number) * tile, height = std::min(tile, n - i);
        for (int64_t j = 0; j < i; j += tile)
            transpose(matrix + i * step + j, step, height, tile, matrix + j * step + i, step);
        for (int64_t k = i; k < i + height; ++k)
            for (auto j = i; j < k; ++j) matrix[j * step + k] = matrix[k * step + j];
    };
    for_each_task(count, row);
}

} // namespace ct

#endif
