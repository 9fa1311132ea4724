// Parts of symmetric matrices.
#ifndef CK_SYMMETRIC_TILES_H
#define CK_SYMMETRIC_TILES_H

#include "transpose.h"

#include <algorithm>
#include <vector>

namespace ck {

/// A part of the lower triangle: rows [row, row + rows) times columns [column, column + columns).
struct Tile {
    int64_t row, rows, column, columns;
};

/// Cuts the lower triangle into strips of rows that end at the diagonal, and these into tiles, the last of which has
/// all of the square on the diagonal: what mirrors a tile touches no other one.
inline std::vector<Tile> lower_tiles(int64_t n, int64_t height, int64_t width) {
    std::vector<Tile> result;
    for (int64_t row = 0; row < n; row += height) {
        auto rows = std::min(height, n - row);
        int64_t column = 0;
        for (; row - column > width; column += width) result.push_back({row, rows, column, width});
        result.push_back({row, rows, column, row + rows - column});
    }
    return result;
}

/// How high strips are: an eighth of the matrix, for 9/16 of the work of a general product, but no thinner than
/// products run well at.
inline int64_t strip_height(int64_t n) { return std::clamp<int64_t>(quotient_up(quotient_up(n, 8), 16) * 16, 16, 256); }

/// Copies a tile of the lower triangle to its place in the upper one: best while it is in the cache.
template <class T, class Transpose>
void mirror(const Tile &tile, T *matrix, int64_t step, const Transpose &transpose) {
    auto below = std::clamp<int64_t>(tile.row - tile.column, 0, tile.columns);
    transpose(
        matrix + tile.row * step + tile.column, step, tile.rows, below, matrix + tile.column * step + tile.row, step);
    for (auto i = tile.row; i < tile.row + tile.rows; ++i)
        for (auto j = tile.column + below; j < std::min(i, tile.column + tile.columns); ++j)
            matrix[j * step + i] = matrix[i * step + j];
}

template <class T> void mirror(const Tile &tile, T *matrix, int64_t step) {
    mirror(tile, matrix, step, [](auto... arguments) { transpose(arguments...); });
}

} // namespace ck

#endif
