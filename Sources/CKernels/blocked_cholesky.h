// The Cholesky factorisation of a symmetric matrix, and its inverse, in square blocks that lie as products read them.
#ifndef CK_BLOCKED_CHOLESKY_H
#define CK_BLOCKED_CHOLESKY_H

#include "packed_panels.h"
#include "tasks.h"

namespace ck {

/// A matrix A + damping * I = L L^T, [n, n], cut into blocks of `width` rows and columns; the last ones are filled up
/// with those of the identity.
///
/// Blocks are stored transposed: a row of blocks of L is one panel [depth, width], which products take as it is. So
/// every product is as quick as the kernel. What is divided by blocks on the diagonal is multiplied by their inverses.
template <class T> class BlockedCholesky {
public:
    /// Reads the upper triangle of a symmetric matrix, whose rows touch.
    BlockedCholesky(
        const Resources &resources, const PanelKernel<T> &kernel, const T *matrix, T damping, int64_t n)
        : resources(resources), kernel(kernel), n(n), damping(damping), width(kernel.width()), area(width * width),
          count(quotient_up(n, width)),
          lower(resources, area * count * (count + 1) / 2 + reading_margin),
          inverses(resources, area * count + reading_margin) {
        factorize(matrix);
    }

    /// The order of the first leading minor that is not positive, or 0.
    int64_t failure() const { return order; }

    /// Writes L row by row, and zeros above its diagonal.
    void write_factor(T *out) const {
        resources.for_each_task(count, [&](int64_t i) {
            for (int64_t r = 0; r < rows(i); ++r) {
                auto line = out + (i * width + r) * n;
                for (int64_t j = 0; j <= i; ++j)
                    for (int64_t c = 0; c < rows(j); ++c) line[j * width + c] = block(i, j)[c * width + r];
                std::fill(line + i * width + rows(i), line + n, T(0));
            }
        });
    }

    /// Writes A^-1 = K^T K with K = L^-1.
    void write_inverse(T *out) const {
        // A column of blocks of K is one panel, too, from its own row on.
        Memory<T> columns(resources, area * count * (count + 1) / 2 + reading_margin);
        auto inverse_block = [&](int64_t i, int64_t j) {
            return columns.get() + (j * count - j * (j - 1) / 2 + i - j) * area;
        };
        // Column after column, the longest first: K_ij = -L_ii^-1 (L_ij K_jj + ... + L_i,i-1 K_i-1,j).
        auto alone = resources.alone();
        resources.for_each_task(count, [&](int64_t j) {
            Memory<T> memory(alone, area + reading_margin);
            auto sum = memory.get();
            transpose_block(diagonal_inverse(j), inverse_block(j, j));
            for (auto i = j + 1; i < count; ++i) {
                std::fill_n(sum, area, T(0));
                add((i - j) * width, block(i, j), rows(i), inverse_block(j, j), rows(j), sum);
                for (int64_t e = 0; e < area; ++e) sum[e] = -sum[e];
                auto target = inverse_block(i, j);
                std::fill_n(target, area, T(0));
                add(rows(i), diagonal_inverse(i), rows(i), sum, rows(j), target);
            }
        });
        resources.for_each_task(count * (count + 1) / 2, [&](int64_t task) {
            int64_t i = 0, j = task;
            for (; j > i; ++i) j -= i + 1;
            Memory<T> memory(alone, 2 * area + reading_margin);
            auto sum = memory.get(), turned = sum + area;
            std::fill_n(sum, area, T(0));
            add(n - i * width, inverse_block(i, i), rows(i), inverse_block(i, j), rows(j), sum);
            transpose_block(sum, turned);
            for (int64_t r = 0; r < rows(i); ++r)
                std::copy_n(sum + r * width, j < i ? rows(j) : r + 1, out + (i * width + r) * n + j * width);
            for (int64_t c = 0; c < rows(j); ++c) {
                auto first = j < i ? 0 : c;
                std::copy_n(
                    turned + c * width + first, rows(i) - first, out + (j * width + c) * n + i * width + first);
            }
        });
    }

private:
    const Resources &resources;
    const PanelKernel<T> &kernel;
    const int64_t n;
    const T damping;
    const int64_t width, area, count;
    /// The blocks L_ij^T, j <= i, row after row.
    Memory<T> lower;
    /// L_ii^-T.
    Memory<T> inverses;
    int64_t order = 0;

    T *block(int64_t i, int64_t j) const { return lower.get() + (i * (i + 1) / 2 + j) * area; }
    T *diagonal_inverse(int64_t i) const { return inverses.get() + i * area; }
    int64_t rows(int64_t i) const { return std::min(width, n - i * width); }

    /// out += left[depth, width]^T right[depth, width], of which the first rows and columns are of use.
    void add(int64_t depth, const T *left, int64_t rows, const T *right, int64_t columns, T *out) const {
        add_products(&kernel, rows, columns, depth, left, width, right, width, out, width);
    }

    void transpose_block(const T *from, T *to) const { transpose(kernel, from, width, width, width, to, width); }

    void factorize(const T *matrix) {
        auto alone = resources.alone();
        factorize_diagonal(alone, matrix, 0);
        for (int64_t j = 0; j + 1 < count && order == 0; ++j) {
            // The next block on the diagonal, which all others wait for, comes with the first of them.
            resources.for_each_task(count - j - 1, [&](int64_t task) {
                auto i = j + 1 + task;
                Memory<T> memory(alone, area + reading_margin);
                auto rest = memory.get();
                subtract(matrix, j, i, rest);
                std::fill_n(block(i, j), area, T(0));
                add(width, diagonal_inverse(j), width, rest, rows(i), block(i, j));
                if (task == 0) factorize_diagonal(alone, matrix, i);
            });
        }
    }

    /// rest <- (A_ij + damping * I_ij - L_i0 L_j0^T - ... - L_i,j-1 L_j,j-1^T)^T, i >= j.
    void subtract(const T *matrix, int64_t j, int64_t i, T *rest) const {
        std::fill_n(rest, area, T(0));
        add(j * width, block(j, 0), rows(j), block(i, 0), rows(i), rest);
        for (int64_t d = 0; d < width; ++d) {
            auto line = rest + d * width;
            int64_t columns = d < rows(j) ? rows(i) : 0;
            auto source = matrix + (j * width + d) * n + i * width;
            for (int64_t r = 0; r < columns; ++r) line[r] = source[r] - line[r];
            std::fill_n(line + columns, width - columns, T(0));
            if (i == j) line[d] = d < rows(j) ? line[d] + damping : 1;
        }
    }

    /// L_ii and its inverse.
    void factorize_diagonal(const Resources &alone, const T *matrix, int64_t i) {
        Memory<T> memory(alone, area + reading_margin);
        subtract(matrix, i, i, memory.get());
        auto failure = kernel.factorize(memory.get(), block(i, i), diagonal_inverse(i));
        if (failure != 0) order = i * width + failure;
    }
};

} // namespace ck

#endif
