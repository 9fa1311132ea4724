// Products of the lines of images with shifted lines, from which the second moments of patches are put together.
#ifndef CK_LINE_PRODUCTS_H
#define CK_LINE_PRODUCTS_H

#include "library.h"
#include "packed_panels.h"
#include "tasks.h"

#include <tuple>
#include <vector>

namespace ck {

/// The images of one group, as they lie in memory.
template <class T> struct Images {
    const T *start;
    int64_t image_step, channel_step;
};

template <class T> Images<T> images_of_group(const ck_images &images, int64_t group) {
    return {
        static_cast<const T *>(images.start) + group * images.channels * images.channel_step, images.image_step,
        images.channel_step};
}

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

/// Adds the products, summed over all images, to `out`, for each group `result_count` elements.
template <class T>
void add_line_products(
    const Resources &resources, const ck_images &images, const ck_line_layout &layout, const ck_line_product *products,
    size_t product_count, T *out, int64_t result_count);

} // namespace ck

#endif
