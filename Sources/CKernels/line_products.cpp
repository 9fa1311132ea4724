// Products of the lines of images with shifted lines, from which the second moments of patches are put together.
#include "include/CKernels.h"
#include "library.h"
#include "panels.h"
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

/// Products of the lines of images, a few of which are packed at a time as [line][image][pixel][channel].
template <class T> class LineProducts {
public:
    LineProducts(
        const ck_line_layout &layout, const ck_line_product *products, size_t count, int64_t channels,
        const PanelKernel<T> *kernel)
        : layout(layout), products(products, products + count), channels(channels),
          // Rows that lie far apart in memory, as those of many channels do, are for the library to put in order.
          kernel(channels >= wide ? nullptr : kernel), copier(kernel),
          front(std::max<int64_t>(0, -layout.least_shift)), runs(runs_of(layout)) {}

    /// The number of elements of some images.
    int64_t packed_count(int64_t images) const {
        auto back = std::max<int64_t>(0, layout.greatest_shift) + layout.window;
        return (images * layout.line_count * layout.width + front + back) * channels + reading_margin;
    }

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
    void pack(
        const Resources &resources, const Images<T> &source, int64_t first, int64_t count, T *packed) const {
        resources.for_each_task(runs.size(), [&](int64_t i) {
            auto [number, run] = runs[i];
            const auto &line = layout.lines[number];
            for (int64_t image = 0; image < count; ++image) {
                auto from = source.start + (first + image) * source.image_step + line.start;
                auto to = packed + (front + (number * count + image) * layout.width) * channels;
                if (run > 1) {
                    auto step = layout.lines[number + 1].start - line.start;
                    copy_vectors(copier, from, source.channel_step, step, channels, run, to, count * channels);
                } else {
                    auto step = line.step * layout.pixel_step;
                    if (source.channel_step == 1 && step == channels) {
                        std::memcpy(to, from, line.count * channels * sizeof(T));
                    } else {
                        copy_vectors(copier, from, source.channel_step, step, channels, line.count, to, channels);
                    }
                    std::fill_n(to + line.count * channels, (layout.width - line.count) * channels, T(0));
                }
            }
        });
    }

    /// Adds a product over packed images to `sum`, [window * channels, columns] with padding.
    void add(size_t number, const T *packed, int64_t images, T *sum) const {
        const auto &product = products[number];
        auto line = images * layout.width;
        auto left = packed + (front + product.left_line * line) * channels;
        auto right = packed + (front + product.right_line * line + product.shift) * channels;
        if (product.column >= 0) {
            auto offset = product.column * channels, step = layout.width * channels;
            add(number, product.line_count * images, left + offset, right + offset, step, sum);
            return;
        }
        // Windows may not overlap within one product, so every `stride`th pixel has a window at a time.
        auto stride = quotient_up(layout.window - 1 + product.shift_count, layout.window) * layout.window;
        auto length = product.line_count * line;
        for (int64_t phase = 0; phase < std::min(stride, length); phase += layout.window)
            add(number, quotient_up(length - phase, stride), left + phase * channels, right + phase * channels,
                stride * channels, sum);
    }

    /// Adds a product over packed images to `out`, one shift after another.
    void add_by_shifts(size_t number, int64_t shift, const T *packed, int64_t images, T *out) const {
        const auto &product = products[number];
        auto line = images * layout.width, step = channels, count = product.line_count * line;
        auto left = packed + (front + product.left_line * line) * channels;
        auto right = packed + (front + product.right_line * line + product.shift + shift) * channels;
        if (product.column >= 0) {
            left += product.column * channels;
            right += product.column * channels;
            step = layout.width * channels;
            count = product.line_count * images;
        }
        add_outer_products<T>(
            channels, channels, count, 1, left, step, right, step, 1, out + product.slot + shift * channels,
            product.shift_count * channels);
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
    /// The kernel that transposes; null if there is no kernel.
    const PanelKernel<T> *const copier;
    /// The number of pixels before the first line.
    const int64_t front;

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
void by_shares(const LineProducts<T> &plan, const Images<T> &source, int64_t batch, const Resources &resources, T *out) {
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

/// Many channels: each product of one shift is a task, over all images that are packed at a time.
template <class T>
void by_products(const LineProducts<T> &plan, const Images<T> &source, int64_t batch, const Resources &resources, T *out) {
    struct Task {
        size_t first, last;
        int64_t shift;
    };
    std::vector<Task> tasks;
    for (auto [first, last] : plan.slots())
        for (int64_t shift = 0; shift < plan.products[first].shift_count; ++shift) tasks.push_back({first, last, shift});
    auto lines = [&](const Task &task) {
        int64_t count = 0;
        for (auto i = task.first; i < task.last; ++i)
            count += plan.products[i].line_count * (plan.products[i].column < 0 ? plan.layout.width : 1);
        return count;
    };
    // The longest ones first.
    std::sort(tasks.begin(), tasks.end(), [&](const Task &a, const Task &b) {
        return std::tuple(lines(b), a.first, a.shift) < std::tuple(lines(a), b.first, b.shift);
    });
    // The memory that the threads share should stay in the cache that they share.
    auto at_a_time = std::min(batch, plan.images_in((16 << 20) / int64_t(sizeof(T))));
    Zeros<T> packed(resources, plan.packed_count(at_a_time));
    auto memory = packed.get();
    for (int64_t first = 0; first < batch; first += at_a_time) {
        auto count = std::min(at_a_time, batch - first);
        plan.pack(resources, source, first, count, memory);
        resources.for_each_task(tasks.size(), [&](int64_t i) {
            for (auto number = tasks[i].first; number < tasks[i].last; ++number)
                plan.add_by_shifts(number, tasks[i].shift, memory, count, out);
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
        if (images.channels >= plan.wide) {
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
