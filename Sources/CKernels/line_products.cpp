#include "line_products.h"
#include "symmetric_tiles.h"

namespace ck {
namespace {

/// Few channels: each thread has a share of the images and sums of its own.
template <class T>
void by_shares(
    const LineProducts<T> &plan, const Images<T> &source, int64_t batch, const Resources &resources, T *out) {
    auto slots = plan.slots();
    std::vector<int64_t> places;
    int64_t sum_count = 0;
    for (auto [first, last] : slots) {
        places.push_back(sum_count);
        sum_count += plan.sum_rows(first) * plan.sum_step(first);
    }
    // As many images at a time as adding to the sums costs little for, and as few as the cache has room for.
    auto threads = std::min(resources.threads, batch);
    auto elements = std::max<int64_t>((512 << 10) / int64_t(sizeof(T)), 2 * sum_count);
    auto at_a_time = std::min(plan.images_in(elements), quotient_up(batch, threads));
    auto chunks = quotient_up(batch, at_a_time), shares = std::min(threads, chunks);
    auto packed_count = plan.packed_count(at_a_time);
    Zeros<T> sums(resources, shares * sum_count), packed(resources, shares * packed_count);
    auto sum_start = sums.get(), packed_start = packed.get();
    auto alone = resources.alone();
    resources.for_each_task(shares, [&](int64_t share) {
        auto memory = packed_start + share * packed_count;
        for (auto chunk = chunks * share / shares; chunk < chunks * (share + 1) / shares; ++chunk) {
            auto first = chunk * at_a_time, count = std::min(at_a_time, batch - first);
            plan.pack(alone, source, first, count, memory);
            for (size_t i = 0; i < slots.size(); ++i)
                for (auto number = slots[i].first; number < slots[i].second; ++number)
                    plan.add(number, memory, count, sum_start + share * sum_count + places[i]);
        }
    });
    for (size_t i = 0; i < slots.size(); ++i)
        for (int64_t share = 0; share < shares; ++share)
            plan.collapse(slots[i].first, sum_start + share * sum_count + places[i], out);
}

/// Many channels: tiles of several panels of each product are tasks, over all images that are packed at a time.
template <class T>
void by_panels(
    const LineProducts<T> &plan, const Images<T> &source, int64_t batch, const Resources &resources, T *out) {
    Panels<T> panels(*plan.kernel, plan.channels);
    auto products = shifted_products(plan);
    // The memory that the threads share should stay in the cache that they share.
    auto at_a_time = std::min(batch, plan.images_in((16 << 20) / int64_t(sizeof(T))));
    auto panel_size = plan.packed_pixels(at_a_time) * panels.width;
    // Columns beyond the last channel stay zero.
    Zeros<T> packed(resources, panels.count * panel_size);
    auto memory = packed.get();
    auto side = std::min<int64_t>(panels.count, 4), sides = quotient_up(panels.count, side);
    auto step = side * panels.width;
    auto alone = resources.alone();
    for (int64_t first = 0; first < batch; first += at_a_time) {
        auto count = std::min(at_a_time, batch - first);
        plan.pack(resources, source, first, count, panels, memory, panel_size);
        resources.for_each_task(products.size() * sides * sides, [&](int64_t task) {
            auto [first, last, shift] = products[task / (sides * sides)];
            auto row = task % (sides * sides) / sides * side, column = task % sides * side;
            const auto &product = plan.products[first];
            // A pixel's product with itself is symmetric.
            bool symmetric = product.left_line == product.right_line && product.shift + shift == 0;
            if (symmetric && column > row) return;
            PanelRange part{
                row, std::min(row + side, panels.count), column, std::min(column + side, panels.count)};
            Zeros<T> sums(alone, step * step);
            for (auto number = first; number < last; ++number)
                plan.add_panels(number, shift, panels, memory, panel_size, count, part, symmetric, sums.get(), step);
            auto out_step = product.shift_count * plan.channels;
            auto target = out + product.slot + shift * plan.channels;
            auto first_row = row * panels.width, first_column = column * panels.width;
            auto width = std::min(part.column_end * panels.width, plan.channels) - first_column;
            auto height = std::min(part.row_end * panels.width, plan.channels) - first_row;
            for (int64_t i = 0; i < height; ++i) {
                auto sum = sums.get() + i * step;
                auto line = target + (first_row + i) * out_step + first_column;
                auto end = symmetric ? std::min(width, first_row + i + 1 - first_column) : width;
                for (int64_t j = 0; j < end; ++j) line[j] += sum[j];
            }
            if (symmetric)
                mirror(
                    Tile{first_row, height, first_column, std::min(width, first_row + height - first_column)}, target,
                    out_step, [&](auto... arguments) { transpose(panels.kernel, arguments...); });
        });
    }
}

/// The same with the linked library, each product as a task.
template <class T>
void by_products(
    const LineProducts<T> &plan, const Images<T> &source, int64_t batch, const Resources &resources, T *out) {
    auto products = shifted_products(plan);
    auto at_a_time = std::min(batch, plan.images_in((16 << 20) / int64_t(sizeof(T))));
    Zeros<T> packed(resources, plan.packed_count(at_a_time));
    auto memory = packed.get();
    for (int64_t first = 0; first < batch; first += at_a_time) {
        auto count = std::min(at_a_time, batch - first);
        plan.pack(resources, source, first, count, memory);
        resources.for_each_task(products.size(), [&](int64_t i) {
            for (auto number = products[i].first; number < products[i].last; ++number)
                plan.add_by_shifts(number, products[i].shift, memory, count, out);
        });
    }
}

} // namespace

template <class T>
void add_line_products(
    const Resources &resources, const ck_images &images, const ck_line_layout &layout, const ck_line_product *products,
    size_t product_count, T *out, int64_t result_count) {
    LineProducts<T> plan(layout, products, product_count, images.channels, panel_kernel<T>(resources.register_bytes));
    resources.for_each_group(images.groups, [&](int64_t group, const Resources &resources) {
        auto source = images_of_group<T>(images, group);
        auto result = out + group * result_count;
        if (images.channels >= plan.wide && plan.kernel) {
            by_panels(plan, source, images.batch, resources, result);
        } else if (images.channels >= plan.wide) {
            by_products(plan, source, images.batch, resources, result);
        } else {
            by_shares(plan, source, images.batch, resources, result);
        }
    });
}

template void add_line_products(
    const Resources &, const ck_images &, const ck_line_layout &, const ck_line_product *, size_t, float *, int64_t);
template void add_line_products(
    const Resources &, const ck_images &, const ck_line_layout &, const ck_line_product *, size_t, double *, int64_t);

} // namespace ck
