// Second moments of patches, put together from the products of images' lines.
#include "aten_moments.h"
#include "include/ct_moments.h"
#include "interleave.h"
#include "memory.h"
#include "support.h"
#include "tasks.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace ct {
namespace {

/// The value of a block's elements: the sum of its terms.
template <class T> struct Block {
    const kt_block_term *begin, *end;

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
    at::Tensor &target, const at::Tensor &results, int64_t channels, int64_t kernel, const kt_block_term *terms,
    size_t term_count, T beta, T alpha) {
    // Terms come in the order of their blocks.
    std::vector<Block<T>> blocks(kernel * kernel, Block<T>{terms, terms});
    for (size_t i = 0; i < term_count;) {
        auto j = i;
        while (j < term_count && terms[j].left == terms[i].left && terms[j].right == terms[i].right) ++j;
        blocks[terms[i].left * kernel + terms[i].right] = {terms + i, terms + j};
        i = j;
    }
    // Tiles of channels so small that all of a tile's blocks stay in the cache, and enough of them for all threads.
    int64_t tile = kernel > 25 ? 8 : kernel > 9 || channels < 256 ? 16 : 32;
    auto tiles = quotient_up(channels, tile), area = tile * tile;
    std::vector<std::pair<int64_t, int64_t>> pairs;
    for (int64_t i = 0; i < tiles; ++i)
        for (int64_t j = 0; j <= i; ++j) pairs.push_back({i * tile, j * tile});
    auto groups = target.size(0), step = target.stride(1);
    for_each_task(groups * pairs.size(), [&](int64_t index) {
        auto group = index / int64_t(pairs.size());
        auto [row, column] = pairs[index % pairs.size()];
        auto rows = std::min(tile, channels - row), columns = std::min(tile, channels - column);
        auto from = results.const_data_ptr<T>() + group * results.size(1);
        auto to = target.mutable_data_ptr<T>() + group * target.stride(0);
        // The elements between the tile's rows at kernel element t and its columns at u, [row][column], and transposed.
        std::unique_ptr<T[]> memory(new T[(2 * kernel * kernel + 1) * area + tile * kernel]);
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
} // namespace ct

using namespace ct;

kt_status kt_assemble_blocks(
    kt_tensor target, kt_tensor results, int64_t channels, int64_t kernel_count, const kt_block_term *terms,
    size_t term_count, double beta, double alpha) {
    return writing(target, [&] {
        auto matrix = borrow(target), values = borrow(results);
        auto n = channels * kernel_count;
        TORCH_CHECK(
            matrix.dim() == 3 && matrix.size(1) == n && matrix.size(2) == n && values.dim() == 2
                && values.size(0) == matrix.size(0) && values.is_contiguous(),
            "a target [groups, ", n, ", ", n, "] and results of as many groups were expected");
        check_kernel_destination(matrix, values);
        for (size_t i = 0; i < term_count; ++i) {
            const auto &term = terms[i];
            auto end = term.slot + (channels - 1) * term.step + term.column + channels;
            TORCH_CHECK(
                0 <= term.left && term.left <= term.right && term.right < kernel_count && term.slot >= 0
                    && term.step >= 0 && term.column >= 0 && end <= values.size(1),
                "block (", term.left, ", ", term.right, ") needs ", end, " results of ", values.size(1));
        }
        if (matrix.numel() == 0) return;
        values = apart(matrix, values);
        AT_DISPATCH_FLOATING_TYPES(matrix.scalar_type(), "assemble blocks", [&] {
            assemble<scalar_t>(matrix, values, channels, kernel_count, terms, term_count, beta, alpha);
        });
    });
}
