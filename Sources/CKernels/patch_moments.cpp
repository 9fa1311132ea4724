// Second moments of the patches of images.
#include "include/CKernels.h"
#include "assembled_blocks.h"
#include "line_products.h"

namespace ck {
namespace {

/// One after the other: all products, and then the matrices that they make up.
template <class T>
void in_two_passes(
    const Resources &resources, const ck_images &images, const ck_patch_plan &plan, const ck_matrices &target, T beta,
    T alpha) {
    Zeros<T> memory(resources, images.groups * plan.result_count);
    auto results = memory.get();
    add_line_products(
        resources, images, plan.layout, plan.products, plan.product_count, results, plan.result_count);
    AssembledBlocks<T> blocks(plan.kernel_count, plan.terms, plan.term_count, beta, alpha);
    auto kernel = plan.kernel_count, channels = images.channels;
    // Tiles of channels so small that all of a tile's blocks stay in the cache, and enough of them for all threads.
    int64_t side = kernel > 25 ? 8 : kernel > 9 || channels < 256 ? 16 : 32, sides = quotient_up(channels, side);
    auto step = target.row_step;
    auto alone = resources.alone();
    resources.for_each_task(target.count * (sides * (sides + 1) / 2), [&](int64_t task) {
        auto group = task / (sides * (sides + 1) / 2);
        int64_t i = 0, j = task % (sides * (sides + 1) / 2);
        for (; j > i; ++i) j -= i + 1;
        auto row = i * side, column = j * side;
        auto from = results + group * plan.result_count;
        auto to = static_cast<T *>(target.start) + group * target.matrix_step;
        Memory<T> memory(alone, blocks.memory(side));
        blocks.write(
            {from, from, row, std::min(side, channels - row), column, std::min(side, channels - column), i == j},
            memory.get(), to + (row * step + column) * kernel, to + (column * step + row) * kernel, step);
    });
}

/// Whether all images may lie in memory once more, with all products of two panels of channels beside them in the cache
/// that a thread has for its own, and whether there are enough pairs of panels for all threads.
template <class T>
bool is_for_one_pass(
    const Resources &resources, const LineProducts<T> &lines, const ck_images &images, const ck_patch_plan &plan) {
    if (!lines.kernel || images.channels < lines.wide) return false;
    auto width = lines.kernel->width(), panels = quotient_up(images.channels, width);
    auto slots = plan.result_count / (images.channels * images.channels);
    return images.batch <= lines.images_in((16 << 20) / int64_t(sizeof(T)))
        && 2 * slots * width * width * int64_t(sizeof(T)) <= 1 << 20
        && panels * (panels + 1) / 2 >= 2 * resources.threads;
}

/// Many channels: the matrix is put together from the products of two panels of channels while these are in the cache.
template <class T>
void in_one_pass(
    const Resources &resources, const LineProducts<T> &lines, const Images<T> &source, int64_t batch,
    const ck_patch_plan &plan, T *target, int64_t target_step, T beta, T alpha) {
    Panels<T> panels(*lines.kernel, lines.channels);
    auto width = panels.width, kernel = plan.kernel_count;
    auto panel_size = lines.packed_pixels(batch) * width;
    // Columns beyond the last channel stay zero.
    Zeros<T> packed(resources, panels.count * panel_size);
    auto start = packed.get();
    lines.pack(resources, source, 0, batch, panels, start, panel_size);
    // Results are as of images that have as many channels as a panel.
    auto area = lines.channels * lines.channels;
    auto place = [&](int64_t slot) { return slot / area * width * width; };
    std::vector<ck_block_term> terms(plan.terms, plan.terms + plan.term_count);
    for (auto &term : terms) {
        term.slot = place(term.slot);
        term.step = term.step / lines.channels * width;
        term.column = term.column / lines.channels * width;
    }
    AssembledBlocks<T> blocks(kernel, terms.data(), terms.size(), beta, alpha);
    auto result_count = place(plan.result_count);
    auto products = shifted_products(lines);
    // So small that all blocks of a tile fit in the cache beside the results.
    constexpr int64_t side = 24;
    auto alone = resources.alone();
    resources.for_each_task(panels.count * (panels.count + 1) / 2, [&](int64_t task) {
        int64_t i = 0, j = task;
        for (; j > i; ++i) j -= i + 1;
        Zeros<T> sums(alone, (i == j ? 1 : 2) * result_count);
        Memory<T> memory(alone, blocks.memory(side));
        auto results = sums.get(), mirrored = i == j ? results : results + result_count;
        for (auto [first, last, shift] : products) {
            const auto &product = lines.products[first];
            auto to = place(product.slot) + shift * width, step = product.shift_count * width;
            // A pixel's product with itself is symmetric.
            bool is_symmetric = product.left_line == product.right_line && product.shift + shift == 0;
            for (auto number = first; number < last; ++number) {
                lines.add_panels(
                    number, shift, panels, start, panel_size, batch, {i, i + 1, j, j + 1}, false, results + to, step);
                if (i != j && !is_symmetric)
                    lines.add_panels(
                        number, shift, panels, start, panel_size, batch, {j, j + 1, i, i + 1}, false, mirrored + to,
                        step);
            }
        }
        for (int64_t row = 0; row < panels.columns(i); row += side)
            for (int64_t column = 0; column < (i == j ? row + 1 : panels.columns(j)); column += side) {
                auto rows = std::min(side, panels.columns(i) - row);
                auto columns = std::min(side, panels.columns(j) - column);
                auto y = (i * width + row) * kernel, x = (j * width + column) * kernel;
                blocks.write(
                    {results, mirrored, row, rows, column, columns, i == j && row == column}, memory.get(),
                    target + y * target_step + x, target + x * target_step + y, target_step);
            }
    });
}

template <class T>
void patch_moments(
    const Resources &resources, const ck_images &images, const ck_patch_plan &plan, const ck_matrices &target, T beta,
    T alpha) {
    LineProducts<T> lines(
        plan.layout, plan.products, plan.product_count, images.channels, panel_kernel<T>(resources.register_bytes));
    if (!is_for_one_pass(resources, lines, images, plan)) {
        in_two_passes(resources, images, plan, target, beta, alpha);
        return;
    }
    resources.for_each_group(images.groups, [&](int64_t group, const Resources &resources) {
        in_one_pass(
            resources, lines, images_of_group<T>(images, group), images.batch, plan,
            static_cast<T *>(target.start) + group * target.matrix_step, target.row_step, beta, alpha);
    });
}

} // namespace
} // namespace ck

bool ck_patch_moments(
    const ck_resources *resources, ck_type type, ck_images images, const ck_patch_plan *plan, ck_matrices target,
    double beta, double alpha) {
    return ck::run(type, [&](auto zero) {
        using T = decltype(zero);
        ck::patch_moments<T>(ck::Resources(*resources), images, *plan, target, T(beta), T(alpha));
    });
}
