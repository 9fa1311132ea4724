// Products of panels: matrices of a few columns that lie row by row in memory, so that both operands of a product are
// read in order. The operands of a library's products are copied into such an order at each call; many products of the
// same vectors with one another need that only once.
#ifndef CK_PANELS_H
#define CK_PANELS_H

#include "library.h"
#include "transpose.h"

#include <cstdint>

namespace ck {

/// How this processor multiplies panels.
template <class T> struct PanelKernel {
    /// out[rows, count * lanes] += left[depth, rows]^T right[depth, count * lanes], in each of them one row every
    /// `..._step` elements.
    using Add = void (*)(
        int64_t depth, const T *left, int64_t left_step, const T *right, int64_t right_step, T *out, int64_t out_step);

    /// The most registers of columns, in which products run best.
    static constexpr int64_t most = 3;

    /// The rows of the result that one call makes.
    int64_t rows;
    /// The columns that a register holds.
    int64_t lanes;
    /// For 1, 2 and 3 registers of columns.
    Add add[most];
    /// to[lanes, lanes] = from[lanes, lanes]^T.
    void (*transpose)(const T *from, int64_t from_step, T *to, int64_t to_step);
    /// Of a symmetric matrix [width, width], of which the upper triangle is read and overwritten: the upper triangle U
    /// with U^T U = matrix, and its inverse, both with zeros. Gives the order of the first leading minor that is not
    /// positive, or 0.
    int64_t (*factorize)(T *matrix, T *upper, T *inverse);

    /// The columns of a whole panel.
    int64_t width() const { return most * lanes; }
};

/// The kernel for this processor with registers of at most so many bytes; null if there is none, and the linked
/// library's products have to do.
template <class T> const PanelKernel<T> *panel_kernel(int64_t most_bytes) noexcept;

/// Kernels read and write whole registers: how many elements behind the last one of an operand must be there.
constexpr int64_t reading_margin = 64;

/// Room for the rows and columns of a product, of which kernels write whole registers.
template <class T> int64_t padded_rows(const PanelKernel<T> *kernel, int64_t rows) {
    return kernel ? quotient_up(rows, kernel->rows) * kernel->rows : rows;
}
template <class T> int64_t padded_columns(const PanelKernel<T> *kernel, int64_t columns) {
    return kernel ? quotient_up(columns, kernel->lanes) * kernel->lanes : columns;
}

/// The rows of a panel that products take at a time: these, and the panel's sums, stay in the cache.
constexpr int64_t depth_at_a_time = 256;

/// out[rows, columns] += left[depth, rows]^T right[depth, columns], on this thread: by the kernel, or by the linked
/// library if there is none.
///
/// All have room for padded rows and columns, what stands there in `left` and `right` being read, and written in `out`.
template <class T>
void add_products(
    const PanelKernel<T> *kernel, int64_t rows, int64_t columns, int64_t depth, const T *left, int64_t left_step,
    const T *right, int64_t right_step, T *out, int64_t out_step) {
    if (!kernel) {
        add_outer_products<T>(rows, columns, depth, 1, left, left_step, right, right_step, 1, out, out_step);
        return;
    }
    auto registers = quotient_up(columns, kernel->lanes), panels = quotient_up(registers, PanelKernel<T>::most);
    for (int64_t first = 0; first < depth; first += depth_at_a_time) {
        auto here = std::min(depth_at_a_time, depth - first);
        for (int64_t panel = 0; panel < panels; ++panel) {
            // About as many registers for each: a single one has too little to do for each row.
            auto begin = registers * panel / panels, end = registers * (panel + 1) / panels;
            auto column = begin * kernel->lanes;
            for (int64_t row = 0; row < rows; row += kernel->rows)
                kernel->add[end - begin - 1](
                    here, left + first * left_step + row, left_step, right + first * right_step + column, right_step,
                    out + row * out_step + column, out_step);
        }
    }
}

/// to[column * to_step + row] <- from[row * from_step + column], by the kernel as far as its tiles go.
template <class T>
void transpose(
    const PanelKernel<T> &kernel, const T *from, int64_t from_step, int64_t rows, int64_t columns, T *to,
    int64_t to_step) {
    auto lanes = kernel.lanes, full_rows = rows / lanes * lanes, full_columns = columns / lanes * lanes;
    for (int64_t row = 0; row < full_rows; row += lanes)
        for (int64_t column = 0; column < full_columns; column += lanes)
            kernel.transpose(from + row * from_step + column, from_step, to + column * to_step + row, to_step);
    transpose(
        from + full_columns, from_step, full_rows, columns - full_columns, to + full_columns * to_step, to_step);
    transpose(from + full_rows * from_step, from_step, rows - full_rows, columns, to + full_rows, to_step);
}

/// Copies `count` vectors of n elements, to[v * to_step + i] <- from[i * element_step + v * vector_step], by the kernel
/// if there is one and they fill its registers.
template <class T>
void copy_vectors(
    const PanelKernel<T> *kernel, const T *from, int64_t element_step, int64_t vector_step, int64_t n, int64_t count,
    T *to, int64_t to_step) {
    if (kernel && vector_step == 1 && n >= kernel->lanes) {
        transpose(*kernel, from, element_step, n, count, to, to_step);
    } else {
        interleave(from, element_step, vector_step, n, count, to, to_step);
    }
}

} // namespace ck

#endif
