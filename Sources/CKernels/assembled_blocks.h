// Second moments of patches, put together from the products of images' lines.
#ifndef CK_ASSEMBLED_BLOCKS_H
#define CK_ASSEMBLED_BLOCKS_H

#include "include/CKernels.h"
#include "transpose.h"

#include <utility>
#include <vector>

namespace ck {

/// The value of a block's elements: the sum of its terms.
template <class T> struct Block {
    const ck_block_term *begin, *end;

    /// out[i][j] for rows and columns of the block.
    void read(const T *results, int64_t row, int64_t rows, int64_t column, int64_t columns, T *out) const {
        if (begin == end) std::fill_n(out, rows * columns, T(0));
        for (auto term = begin; term < end; ++term) {
            auto sign = T(term->sign);
            for (int64_t i = 0; i < rows; ++i) {
                auto part = results + term->slot + (row + i) * term->step + term->column + column;
                auto line = out + i * columns;
                if (i + 2 < rows) __builtin_prefetch(part + 2 * term->step);
                if (term == begin) {
                    for (int64_t j = 0; j < columns; ++j) line[j] = sign * part[j];
                } else {
                    for (int64_t j = 0; j < columns; ++j) line[j] += sign * part[j];
                }
            }
        }
    }
};

/// Rows [row][kernel element] of the target, `step` apart, from the blocks of their columns [column][kernel element]:
/// out <- beta * out + alpha * block.
///
/// `block(t, u)` is [rows, columns]; `line` has room for a row.
template <class T, class Blocks>
void write_rows(
    const Blocks &block, int64_t kernel, int64_t rows, int64_t columns, T *line, T *out, int64_t step, T beta, T alpha) {
    auto count = columns * kernel;
    for (int64_t i = 0; i < rows; ++i)
        for (int64_t t = 0; t < kernel; ++t, out += step) {
            // Rows lie too far apart for the processor to foresee the next one.
            if (beta != 0 && (i + 1 < rows || t + 1 < kernel))
                for (int64_t k = 0; k < count; k += 64 / int64_t(sizeof(T))) __builtin_prefetch(out + step + k, 1);
            for (int64_t u = 0; u < kernel; ++u) {
                const T *from = block(t, u) + i * columns;
                for (int64_t j = 0; j < columns; ++j) line[j * kernel + u] = from[j];
            }
            if (beta == 0) {
                for (int64_t k = 0; k < count; ++k) out[k] = alpha * line[k];
            } else {
                for (int64_t k = 0; k < count; ++k) out[k] = beta * out[k] + alpha * line[k];
            }
        }
}

/// The blocks of a symmetric matrix, whose rows and columns are [channel][kernel element]:
/// target <- beta * target + alpha * blocks.
template <class T> struct AssembledBlocks {
    int64_t kernel;
    /// For each pair of kernel elements; those whose second one is before the first are the others' transposes.
    std::vector<Block<T>> blocks;
    T beta, alpha;

    /// Terms are in the order of their blocks, and outlive this.
    AssembledBlocks(int64_t kernel, const ck_block_term *terms, size_t count, T beta, T alpha)
        : kernel(kernel), blocks(kernel * kernel, Block<T>{terms, terms}), beta(beta), alpha(alpha) {
        for (size_t i = 0; i < count;) {
            auto j = i;
            while (j < count && terms[j].left == terms[i].left && terms[j].right == terms[i].right) ++j;
            blocks[terms[i].left * kernel + terms[i].right] = {terms + i, terms + j};
            i = j;
        }
    }

    /// The elements of memory that `write` needs for tiles of so many channels a side.
    int64_t memory(int64_t tile) const { return (2 * kernel * kernel + 1) * tile * tile + tile * kernel; }

    /// A part of the results of products: those of channels [row, row + rows) with [column, column + columns), and, in
    /// other memory perhaps, the other way round.
    struct Tile {
        const T *results, *mirrored_results;
        int64_t row, rows, column, columns;
        bool is_on_diagonal;
    };

    /// Writes a tile to `below`, and its transpose, if it is not on the diagonal, to `above`.
    void write(const Tile &tile, T *memory, T *below, T *above, int64_t step) const {
        auto [results, mirrored_results, row, rows, column, columns, is_on_diagonal] = tile;
        // The elements between the tile's rows at kernel element t and its columns at u, [row][column], and transposed.
        auto area = rows * columns;
        auto value = [&](int64_t t, int64_t u) { return memory + (t * kernel + u) * area; };
        auto mirrored = [&](int64_t u, int64_t t) { return value(kernel + t, u); };
        auto other = value(2 * kernel, 0), line = other + area;
        for (int64_t t = 0; t < kernel; ++t)
            for (auto u = t; u < kernel; ++u) {
                const auto &block = blocks[t * kernel + u];
                block.read(results, row, rows, column, columns, value(t, u));
                if (is_on_diagonal) {
                    if (u != t) transpose(value(t, u), columns, rows, columns, value(u, t), rows);
                    continue;
                }
                transpose(value(t, u), columns, rows, columns, mirrored(u, t), rows);
                if (u == t) continue;
                block.read(mirrored_results, column, columns, row, rows, other);
                transpose(other, rows, columns, rows, value(u, t), columns);
                std::copy_n(other, area, mirrored(t, u));
            }
        write_rows(value, kernel, rows, columns, line, below, step, beta, alpha);
        if (!is_on_diagonal) write_rows(mirrored, kernel, columns, rows, line, above, step, beta, alpha);
    }
};

} // namespace ck

#endif
