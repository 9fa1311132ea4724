// Products of matrices whose rows and columns may lie anyhow in memory.
#include "include/CKernels.h"
#include "packed_panels.h"
#include "tasks.h"

namespace ck {
namespace {

/// One of the operands of a product, copied into panels.
template <class T> struct Operand {
    Vectors<T> vectors;
    Panels<T> panels;

    Operand(const PanelKernel<T> &kernel, const T *start, int64_t n, int64_t depth, int64_t element_step, int64_t step)
        : vectors{start, 1, n, depth, 0, element_step, step}, panels(kernel, n) {}
};

/// As much of both operands as the threads' common cache has room for.
template <class T> int64_t depth_in_cache(const Operand<T> &left, const Operand<T> &right) {
    auto width = left.panels.size(1) + right.panels.size(1);
    auto depth = (16 << 20) / int64_t(sizeof(T)) / width / depth_at_a_time * depth_at_a_time;
    return std::max(depth, depth_at_a_time);
}

template <class T>
void multiply(
    const Resources &resources, const Operand<T> &left, const Operand<T> &right, int64_t depth, const T *bias, T *out,
    int64_t out_step) {
    const auto &rows = left.panels, &columns = right.panels;
    // Tiles of several panels, as far as there are tiles for all threads: what is read is used more often.
    int64_t high = std::min<int64_t>(rows.count, 4), wide = std::min<int64_t>(columns.count, 4);
    auto tiles = [&] { return quotient_up(rows.count, high) * quotient_up(columns.count, wide); };
    while (tiles() < 4 * resources.threads && (high > 1 || wide > 1)) --(high >= wide ? high : wide);
    auto across = quotient_up(columns.count, wide), step = wide * columns.width;

    auto most = std::min(depth, depth_in_cache(left, right));
    Memory<T> packed(resources, rows.size(most) + columns.size(most) + reading_margin);
    auto left_start = packed.get(), right_start = left_start + rows.size(most);
    auto alone = resources.alone();
    for (int64_t begin = 0; begin < depth; begin += most) {
        auto size = std::min(most, depth - begin);
        rows.pack(resources, left.vectors, begin, size, left_start);
        columns.pack(resources, right.vectors, begin, size, right_start);
        resources.for_each_task(tiles(), [&](int64_t task) {
            auto row = task / across * high, column = task % across * wide;
            auto row_end = std::min(row + high, rows.count), column_end = std::min(column + wide, columns.count);
            Zeros<T> sums(alone, high * rows.width * step);
            for (int64_t first = 0; first < size; first += depth_at_a_time) {
                auto here = std::min(depth_at_a_time, size - first);
                for (auto j = column; j < column_end; ++j)
                    for (auto i = row; i < row_end; ++i)
                        add_products(
                            &rows.kernel, rows.columns(i), columns.columns(j), here,
                            left_start + (i * size + first) * rows.width, rows.width,
                            right_start + (j * size + first) * columns.width, columns.width,
                            sums.get() + (i - row) * rows.width * step + (j - column) * columns.width, step);
            }
            auto first_column = column * columns.width;
            auto width = std::min(column_end * columns.width, columns.n) - first_column;
            for (auto i = row * rows.width; i < std::min(row_end * rows.width, rows.n); ++i) {
                auto sum = sums.get() + (i - row * rows.width) * step;
                auto target = out + i * out_step + first_column;
                if (begin > 0) {
                    for (int64_t j = 0; j < width; ++j) target[j] += sum[j];
                } else if (bias) {
                    for (int64_t j = 0; j < width; ++j) target[j] = sum[j] + bias[first_column + j];
                } else {
                    std::memcpy(target, sum, width * sizeof(T));
                }
            }
        });
    }
}

} // namespace
} // namespace ck

bool ck_has_products(int64_t register_bytes) { return ck::panel_kernel<float>(register_bytes); }

bool ck_product(
    const ck_resources *resources, ck_type type, ck_operand left, ck_operand right, int64_t rows, int64_t depth,
    int64_t columns, const void *bias, void *out, int64_t out_step) {
    return ck::run(type, [&](auto zero) {
        using T = decltype(zero);
        const auto &kernel = *ck::panel_kernel<T>(resources->register_bytes);
        ck::Operand<T> a(kernel, static_cast<const T *>(left.start), rows, depth, left.row_step, left.column_step);
        ck::Operand<T> b(kernel, static_cast<const T *>(right.start), columns, depth, right.column_step, right.row_step);
        ck::multiply(
            ck::Resources(*resources), a, b, depth, static_cast<const T *>(bias), static_cast<T *>(out), out_step);
    });
}
