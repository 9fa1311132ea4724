// Second moments of patches, put together from the products of images' lines.
#include "include/CKernels.h"
#include "tasks.h"
#include "transpose.h"

#include <utility>
#include <vector>

namespace ck {
namespace {

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

template <class T>
void assemble(
    const Resources &resources, const ck_matrices &target, const T *results, int64_t result_count, int64_t kernel,
    const ck_block_term *terms, size_t term_count, T beta, T alpha) {
    // Terms come in the order of their blocks.
    std::vector<Block<T>> blocks(kernel * kernel, Block<T>{terms, terms});
    for (size_t i = 0; i < term_count;) {
        auto j = i;
        while (j < term_count && terms[j].left == terms[i].left && terms[j].right == terms[i].right) ++j;
        blocks[terms[i].left * kernel + terms[i].right] = {terms + i, terms + j};
        i = j;
    }
    auto channels = target.n / kernel;
    // Tiles of channels so small that all of a tile's blocks stay in the cache, and enough of them for all threads.
    int64_t tile = kernel > 25 ? 8 : kernel > 9 || channels < 256 ? 16 : 32;
    auto tiles = quotient_up(channels, tile), area = tile * tile;
    std::vector<std::pair<int64_t, int64_t>> pairs;
    for (int64_t i = 0; i < tiles; ++i)
        for (int64_t j = 0; j <= i; ++j) pairs.push_back({i * tile, j * tile});
    auto step = target.row_step;
    auto alone = resources.alone();
    resources.for_each_task(target.count * pairs.size(), [&](int64_t index) {
        auto group = index / int64_t(pairs.size());
        auto [row, column] = pairs[index % pairs.size()];
        auto rows = std::min(tile, channels - row), columns = std::min(tile, channels - column);
        auto from = results + group * result_count;
        auto to = static_cast<T *>(target.start) + group * target.matrix_step;
        // The elements between the tile's rows at kernel element t and its columns at u, [row][column], and transposed.
        Memory<T> memory(alone, (2 * kernel * kernel + 1) * area + tile * kernel);
        auto value = [&](int64_t t, int64_t u) { return memory.get() + (t * kernel + u) * area; };
        auto mirrored = [&](int64_t u, int64_t t) { return value(kernel + t, u); };
        auto other = value(2 * kernel, 0), line = other + area;
        for (int64_t t = 0; t < kernel; ++t)
            for (auto u = t; u < kernel; ++u) {
                const auto &block = blocks[t * kernel + u];
                block.read(from, row, rows, column, columns, value(t, u));
                if (row == column) {
                    if (u != t) transpose(value(t, u), columns, rows, columns, value(u, t), rows);
                    continue;
                }
                transpose(value(t, u), columns, rows, columns, mirrored(u, t), rows);
                if (u == t) continue;
                block.read(from, column, columns, row, rows, other);
                transpose(other, rows, columns, rows, value(u, t), columns);
                std::copy_n(other, area, mirrored(t, u));
            }
        write_rows(value, kernel, rows, columns, line, to + row * kernel * step + column * kernel, step, beta, alpha);
        if (row != column)
            write_rows(
                mirrored, kernel, columns, rows, line, to + column * kernel * step + row * kernel, step, beta, alpha);
    });
}

} // namespace
} // namespace ck

bool ck_assemble_blocks(
    const ck_resources *resources, ck_type type, ck_matrices target, const void *results, int64_t result_count,
    int64_t kernel_count, const ck_block_term *terms, size_t term_count, double beta, double alpha) {
    return ck::run(type, [&](auto zero) {
        using T = decltype(zero);
        ck::assemble<T>(
            ck::Resources(*resources), target, static_cast<const T *>(results), result_count, kernel_count, terms,
            term_count, T(beta), T(alpha));
    });
}
