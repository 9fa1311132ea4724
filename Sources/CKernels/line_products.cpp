// Products of the lines of images with shifted lines, from which the second moments of patches are put together.
#include "include/CKernels.h"
#include "library.h"
#include "packed_panels.h"
#include "symmetric_tiles.h"
#include "tasks.h"

#include <tuple>
#include <vector>

namespace ck {
namespace {

/// The images of one group, as they lie in memory.
template <class T> struct Images {
    const T *start;
    int64_t image_step, channel_step;
};

/// A part of a product of panels: rows of panels [row, row_end) and columns of panels [column, column_end).
struct PanelRange {
    int64_t row, row_end, column, column_end;
};

/// Products of the lines of images, a few of which are packed at a time as [line][image][pixel][channel].
template <class T> class LineProducts {
public:
    LineProducts(
        const ck_line_layout &layout, const ck_line_product *products, size_t count, int64_t channels,
        const PanelKernel<T> *kernel)
        : layout(layout), products(products, products + count), channels(channels), kernel(kernel),
          front(std::max<int64_t>(0, -layout.least_shift)), runs(runs_of(layout)) {}

    /// The number of pixels of some images, with margins.
    int64_t packed_pixels(int64_t images) const {
        auto back = std::max<int64_t>(0, layout.greatest_shift) + layout.window;
        return images * layout.line_count * layout.width + front + back;
    }

    /// The number of elements of some images.
    int64_t packed_count(int64_t images) const { return packed_pixels(images) * channels + reading_margin; }

    /// How many images fill so many elements.
    int64_t images_in(int64_t elements) const {
        return std::max<int64_t>(1, elements / (layout.line_count * layout.width * channels));
    }

    /// The numbers of the products of each slot, which follow one another.
    std::vector<std::pair<size_t, size_t>> slots() const {
        std::vector<std::pair<size_t, size_t>> slots;
        for (size_t i = 0; i < products.size(); ++i) {
            if (i > 0 && products[i].slot == products[i - 1].slot) {
                slots.back().second = i + 1;
            } else {
                slots.push_back({i, i + 1});
            }
        }
        return slots;
    }

    /// The number of pixels that a product has on its left at a time.
    int64_t window(size_t number) const { return products[number].column < 0 ? layout.window : 1; }

    /// The number of columns of a product's result with windows.
    int64_t columns(size_t number) const { return (window(number) - 1 + products[number].shift_count) * channels; }

    /// The number of rows of a product's result.
    int64_t rows(size_t number) const { return window(number) * channels; }

    /// The step between the rows of a sum of products, and the number of rows that there is room for.
    int64_t sum_step(size_t number) const { return padded_columns(kernel, columns(number)); }
    int64_t sum_rows(size_t number) const { return padded_rows(kernel, rows(number)); }

    /// Copies images to `packed`, whose margins are zero already, with zeros after each line.
    void pack(const Resources &resources, const Images<T> &source, int64_t first, int64_t count, T *packed) const {
        resources.for_each_task(
            runs.size(), [&](int64_t i) { pack(runs[i], source, first, count, channels, packed, channels); });
    }

    /// The same for panels of channels, one every `panel_size` elements: [panel][line][image][pixel][channel].
    void pack(
        const Resources &resources, const Images<T> &source, int64_t first, int64_t count, const Panels<T> &panels,
        T *packed, int64_t panel_size) const {
        resources.for_each_task(runs.size() * panels.count, [&](int64_t task) {
            auto panel = task % panels.count;
            auto own = source;
            own.start += panel * panels.width * source.channel_step;
            pack(
                runs[task / panels.count], own, first, count, panels.columns(panel), packed + panel * panel_size,
                panels.width);
        });
    }

    /// The pixels of packed images that a product takes: the first ones on its left and right, the step between one
    /// and the next, and how many there are.
    struct Pixels {
        int64_t left, right, step, count;
    };
    Pixels pixels(const ck_line_product &product, int64_t images) const {
        auto line = images * layout.width;
        auto left = front + product.left_line * line, right = front + product.right_line * line + product.shift;
        if (product.column < 0) return {left, right, 1, product.line_count * line};
        return {left + product.column, right + product.column, layout.width, product.line_count * images};
    }

    /// Adds a product over packed images to `sum`, [window * channels, columns] with padding.
    void add(size_t number, const T *packed, int64_t images, T *sum) const {
        const auto &product = products[number];
        auto taken = pixels(product, images);
        auto left = packed + taken.left * channels, right = packed + taken.right * channels;
        if (product.column >= 0) {
            add(number, taken.count, left, right, taken.step * channels, sum);
            return;
        }
        // Windows may not overlap within one product, so every `stride`th pixel has a window at a time.
        auto stride = quotient_up(layout.window - 1 + product.shift_count, layout.window) * layout.window;
        for (int64_t phase = 0; phase < std::min(stride, taken.count); phase += layout.window)
            add(number, quotient_up(taken.count - phase, stride), left + phase * channels, right + phase * channels,
                stride * channels, sum);
    }

    /// Adds a product over packed images to `out`, one shift after another.
    void add_by_shifts(size_t number, int64_t shift, const T *packed, int64_t images, T *out) const {
        const auto &product = products[number];
        auto taken = pixels(product, images);
        auto step = taken.step * channels;
        add_outer_products<T>(
            channels, channels, taken.count, 1, packed + taken.left * channels, step,
            packed + (taken.right + shift) * channels, step, 1, out + product.slot + shift * channels,
            product.shift_count * channels);
    }

    /// Adds a part of a product of packed panels, [panels, panels], to `sum`, whose rows are `sum_step` apart.
    ///
    /// Of one that is `symmetric`, the panels below the diagonal and on it.
    void add_panels(
        size_t number, int64_t shift, const Panels<T> &panels, const T *packed, int64_t panel_size, int64_t images,
        const PanelRange &part, bool symmetric, T *sum, int64_t sum_step) const {
        auto taken = pixels(products[number], images);
        auto step = taken.step * panels.width;
        auto left = packed + taken.left * panels.width, right = packed + (taken.right + shift) * panels.width;
        for (int64_t first = 0; first < taken.count; first += depth_at_a_time) {
            auto here = std::min(depth_at_a_time, taken.count - first);
            for (auto j = part.column; j < part.column_end; ++j)
                for (auto i = symmetric ? std::max(j, part.row) : part.row; i < part.row_end; ++i)
                    add_products(
                        kernel, panels.columns(i), panels.columns(j), here, left + i * panel_size + first * step, step,
                        right + j * panel_size + first * step, step,
                        sum + (i - part.row) * panels.width * sum_step + (j - part.column) * panels.width, sum_step);
        }
    }

    /// Adds up a product's windows: `out` gets a matrix [channels, shift_count * channels].
    void collapse(size_t number, const T *sum, T *out) const {
        auto wide = products[number].shift_count * channels;
        auto target = out + products[number].slot;
        for (int64_t channel = 0; channel < channels; ++channel) {
            auto row = target + channel * wide;
            for (int64_t pixel = 0; pixel < window(number); ++pixel) {
                auto part = sum + (pixel * channels + channel) * sum_step(number) + pixel * channels;
                for (int64_t i = 0; i < wide; ++i) row[i] += part[i];
            }
        }
    }

    const ck_line_layout &layout;
    const std::vector<ck_line_product> products;
    const int64_t channels;
    /// The kernel that multiplies; null for the linked library.
    const PanelKernel<T> *const kernel;

    /// From how many channels on each product is a task.
    static constexpr int64_t wide = 128;

private:
    /// The number of pixels before the first line.
    const int64_t front;

    /// Copies `own` channels of the lines of a run, a pixel every `pixel_size` elements.
    void pack(
        std::pair<int64_t, int64_t> lines, const Images<T> &source, int64_t first, int64_t count, int64_t own,
        T *packed, int64_t pixel_size) const {
        auto [number, run] = lines;
        const auto &line = layout.lines[number];
        for (int64_t image = 0; image < count; ++image) {
            auto from = source.start + (first + image) * source.image_step + line.start;
            auto to = packed + (front + (number * count + image) * layout.width) * pixel_size;
            if (run > 1) {
                auto step = layout.lines[number + 1].start - line.start;
                copy_vectors(kernel, from, source.channel_step, step, own, run, to, count * pixel_size);
            } else {
                auto step = line.step * layout.pixel_step;
                if (source.channel_step == 1 && step == own && own == pixel_size) {
                    std::memcpy(to, from, line.count * own * sizeof(T));
                } else {
                    copy_vectors(kernel, from, source.channel_step, step, own, line.count, to, pixel_size);
                }
                std::fill_n(to + line.count * pixel_size, (layout.width - line.count) * pixel_size, T(0));
            }
        }
    }

    /// Adds a product of rows `step` apart to a sum of its kind.
    void add(size_t number, int64_t depth, const T *left, const T *right, int64_t step, T *sum) const {
        add_products(kernel, rows(number), columns(number), depth, left, step, right, step, sum, sum_step(number));
    }

    /// Lines that are copied together, the first and their number: those of one pixel each that lie equally far apart.
    const std::vector<std::pair<int64_t, int64_t>> runs;

    static std::vector<std::pair<int64_t, int64_t>> runs_of(const ck_line_layout &layout) {
        std::vector<std::pair<int64_t, int64_t>> runs;
        auto count = int64_t(layout.line_count);
        for (int64_t number = 0; number < count;) {
            int64_t run = 1;
            auto start = [&](int64_t i) { return layout.lines[number + i].start; };
            bool is_pixel = layout.width == 1 && layout.lines[number].count == 1;
            auto is_next = [&](int64_t i) {
                return layout.lines[number + i].count == 1 && start(i) - start(i - 1) == start(1) - start(0);
            };
            if (is_pixel)
                while (number + run < count && is_next(run)) ++run;
            runs.push_back({number, run});
            number += run;
        }
        return runs;
    }
};

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
    auto at_a_time = std::min(
        plan.images_in(std::max<int64_t>((512 << 10) / int64_t(sizeof(T)), 2 * sum_count)), quotient_up(batch, threads));
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

/// A product of one shift: those of a slot from `first` up to `last`, which are added up.
struct ShiftedProduct {
    size_t first, last;
    int64_t shift;
};

/// All products of one shift, the longest ones first.
template <class T> std::vector<ShiftedProduct> shifted_products(const LineProducts<T> &plan) {
    std::vector<ShiftedProduct> result;
    for (auto [first, last] : plan.slots())
        for (int64_t shift = 0; shift < plan.products[first].shift_count; ++shift)
            result.push_back({first, last, shift});
    auto length = [&](const ShiftedProduct &product) {
        int64_t count = 0;
        for (auto i = product.first; i < product.last; ++i) count += plan.pixels(plan.products[i], 1).count;
        return count;
    };
    std::sort(result.begin(), result.end(), [&](const ShiftedProduct &a, const ShiftedProduct &b) {
        return std::tuple(length(b), a.first, a.shift) < std::tuple(length(a), b.first, b.shift);
    });
    return result;
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

template <class T>
void line_products(
    const Resources &resources, const ck_images &images, const ck_line_layout &layout, const ck_line_product *products,
    size_t product_count, T *out, int64_t result_count) {
    LineProducts<T> plan(layout, products, product_count, images.channels, panel_kernel<T>(resources.register_bytes));
    resources.for_each_group(images.groups, [&](int64_t group, const Resources &resources) {
        Images<T> source{
            static_cast<const T *>(images.start) + group * images.channels * images.channel_step, images.image_step,
            images.channel_step};
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

} // namespace
} // namespace ck

bool ck_line_products(
    const ck_resources *resources, ck_type type, ck_images images, const ck_line_layout *layout,
    const ck_line_product *products, size_t product_count, void *out, int64_t result_count) {
    return ck::run(type, [&](auto zero) {
        ck::line_products(
            ck::Resources(*resources), images, *layout, products, product_count, static_cast<decltype(zero) *>(out),
            result_count);
    });
}
