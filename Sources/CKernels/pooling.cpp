// Maximum pooling of images whose channels lie side by side, and its derivative.
#include "include/CKernels.h"
#include "tasks.h"

#include <type_traits>

namespace ck {
namespace {

/// The number of what no element was chosen in: a window whose greatest element the rectifier cuts off.
constexpr uint8_t nothing = 255;

/// The elements of an output pixel's window that lie within the image, and where the first one would.
struct Window {
    int64_t first_row, last_row, first_column, last_column, row, column;

    Window(const ck_pooling &pooling, int64_t out_row, int64_t out_column)
        : row(out_row * pooling.stride[0] - pooling.padding[0]),
          column(out_column * pooling.stride[1] - pooling.padding[1]) {
        first_row = std::max<int64_t>(0, -row);
        first_column = std::max<int64_t>(0, -column);
        last_row = std::min(pooling.window[0], pooling.height - row);
        last_column = std::min(pooling.window[1], pooling.width - column);
    }
};

/// Runs body(number of the element, its pixel) for each element of a window, in order.
template <class T, class Body>
__attribute__((always_inline)) inline void
for_each_element(const ck_pooling &pooling, const Window &window, T *image, Body &&body) {
    for (auto y = window.first_row; y < window.last_row; ++y)
        for (auto x = window.first_column; x < window.last_column; ++x)
            body(
                int32_t(y * pooling.window[1] + x),
                image + ((window.row + y) * pooling.width + window.column + x) * pooling.channels);
}

/// What is done for `Lanes` neighbouring channels of a pixel at a time, in registers.
template <class T, int Lanes> struct Channels {
    using Number = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;
    typedef T Values __attribute__((vector_size(Lanes * sizeof(T))));
    typedef Number Numbers __attribute__((vector_size(Lanes * sizeof(T))));
    typedef uint8_t Bytes __attribute__((vector_size(Lanes)));

    /// Not by value: registers that not every processor has are no results of functions.
    template <class Register, class Element>
    __attribute__((always_inline)) static void load(const Element *from, Register &to) {
        std::memcpy(&to, from, sizeof to);
    }

    __attribute__((always_inline)) static void pool(
        const ck_pooling &pooling, const Window &window, const T *image, int64_t channel, T *out, uint8_t *choices) {
        Values best{};
        Numbers choice{};
        bool is_first = true;
        for_each_element(pooling, window, image, [&](int32_t number, const T *pixel) __attribute__((always_inline)) {
            Values value;
            load(pixel + channel, value);
            // What is not a number is taken for the greatest.
            Numbers is_greater = (value > best) | (value != value) | (is_first ? ~Numbers{} : Numbers{});
            best = is_greater ? value : best;
            choice = is_greater ? Numbers{} + number : choice;
            is_first = false;
        });
        if (pooling.is_rectified) {
            Numbers is_cut = best <= Values{};
            best = is_cut ? Values{} : best;
            choice = is_cut ? Numbers{} + nothing : choice;
        }
        auto bytes = __builtin_convertvector(choice, Bytes);
        std::memcpy(out + channel, &best, sizeof best);
        std::memcpy(choices + channel, &bytes, sizeof bytes);
    }

    template <bool Adds>
    __attribute__((always_inline)) static void spread(
        const ck_pooling &pooling, const Window &window, const T *gradients, const uint8_t *choices, int64_t channel,
        T *image) {
        Values own;
        Bytes bytes;
        load(gradients + channel, own);
        load(choices + channel, bytes);
        auto choice = __builtin_convertvector(bytes, Numbers);
        for_each_element(pooling, window, image, [&](int32_t number, T *pixel) __attribute__((always_inline)) {
            Values part = choice == Numbers{} + number ? own : Values{};
            if (Adds) {
                Values before;
                load(pixel + channel, before);
                part += before;
            }
            std::memcpy(pixel + channel, &part, sizeof part);
        });
    }

    __attribute__((always_inline)) static void pick(
        const ck_pooling &pooling, const Window &window, const T *image, const uint8_t *choices, int64_t channel,
        T *out) {
        Bytes bytes;
        load(choices + channel, bytes);
        auto choice = __builtin_convertvector(bytes, Numbers);
        Values own{};
        for_each_element(pooling, window, image, [&](int32_t number, const T *pixel) __attribute__((always_inline)) {
            Values value;
            load(pixel + channel, value);
            own = choice == Numbers{} + number ? value : own;
        });
        std::memcpy(out + channel, &own, sizeof own);
    }
};

/// Runs body(window, offset of the output pixel, channel, how many channels) for a row of windows: as many channels as
/// a register holds, and the rest one by one.
template <int Lanes, class Body>
__attribute__((always_inline)) inline void for_each_window(const ck_pooling &pooling, int64_t row, Body &&body) {
    for (int64_t column = 0; column < pooling.out_width; ++column) {
        Window window(pooling, row, column);
        auto place = column * pooling.channels;
        int64_t channel = 0;
        for (; channel + Lanes <= pooling.channels; channel += Lanes)
            body(window, place, channel, std::integral_constant<int, Lanes>());
        for (; channel < pooling.channels; ++channel) body(window, place, channel, std::integral_constant<int, 1>());
    }
}

/// A row of windows of an image, for registers of so many bytes.
template <class T, int Bytes> struct Rows {
    static constexpr int lanes = Bytes / int(sizeof(T));

    __attribute__((always_inline)) static void
    pool(const ck_pooling &pooling, int64_t row, const T *image, T *out, uint8_t *choices) {
        for_each_window<lanes>(
            pooling, row,
            [&](const Window &window, int64_t place, int64_t channel, auto count) __attribute__((always_inline)) {
                Channels<T, count>::pool(pooling, window, image, channel, out + place, choices + place);
            });
    }

    template <bool Adds>
    __attribute__((always_inline)) static void
    spread(const ck_pooling &pooling, int64_t row, const T *gradients, const uint8_t *choices, T *image) {
        for_each_window<lanes>(
            pooling, row,
            [&](const Window &window, int64_t place, int64_t channel, auto count) __attribute__((always_inline)) {
                Channels<T, count>::template spread<Adds>(
                    pooling, window, gradients + place, choices + place, channel, image);
            });
    }

    __attribute__((always_inline)) static void
    pick(const ck_pooling &pooling, int64_t row, const T *image, const uint8_t *choices, T *out) {
        for_each_window<lanes>(
            pooling, row,
            [&](const Window &window, int64_t place, int64_t channel, auto count) __attribute__((always_inline)) {
                Channels<T, count>::pick(pooling, window, image, choices + place, channel, out + place);
            });
    }
};

/// How this processor works on rows.
template <class T> struct RowKernel {
    void (*pool)(const ck_pooling &, int64_t row, const T *image, T *out, uint8_t *choices);
    void (*write)(const ck_pooling &, int64_t row, const T *gradients, const uint8_t *choices, T *image);
    void (*add)(const ck_pooling &, int64_t row, const T *gradients, const uint8_t *choices, T *image);
    void (*pick)(const ck_pooling &, int64_t row, const T *image, const uint8_t *choices, T *out);
};

#define CK_ROW_KERNEL(name, target, bytes)                                                                          \
    template <class T>                                                                                              \
    target void name##_pool(const ck_pooling &p, int64_t row, const T *image, T *out, uint8_t *choices) {           \
        Rows<T, bytes>::pool(p, row, image, out, choices);                                                          \
    }                                                                                                               \
    template <class T, bool Adds>                                                                                   \
    target void name##_spread(const ck_pooling &p, int64_t row, const T *from, const uint8_t *choices, T *image) {  \
        Rows<T, bytes>::template spread<Adds>(p, row, from, choices, image);                                        \
    }                                                                                                               \
    template <class T>                                                                                              \
    target void name##_pick(const ck_pooling &p, int64_t row, const T *image, const uint8_t *choices, T *out) {     \
        Rows<T, bytes>::pick(p, row, image, choices, out);                                                          \
    }                                                                                                               \
    template <class T>                                                                                              \
    constexpr RowKernel<T> name{name##_pool<T>, name##_spread<T, false>, name##_spread<T, true>, name##_pick<T>}

CK_ROW_KERNEL(plain, , 16);
#if defined(__x86_64__)
CK_ROW_KERNEL(narrow, __attribute__((target("avx2,fma"))), 32);
CK_ROW_KERNEL(wide, __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))), 64);
#endif

template <class T> const RowKernel<T> &row_kernel() {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")
        && __builtin_cpu_supports("avx512vl"))
        return wide<T>;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return narrow<T>;
#endif
    return plain<T>;
}

/// Runs body(number of the image, row of windows, offset of the row in what comes out) for each row of each image.
template <class Before, class Body>
void for_each_row(const Resources &resources, const ck_pooling &pooling, Before &&before, Body &&body) {
    auto step = pooling.out_width * pooling.channels;
    resources.for_each_task(pooling.batch, [&](int64_t image) {
        before(image);
        for (int64_t row = 0; row < pooling.out_height; ++row) body(image, row, (image * pooling.out_height + row) * step);
    });
}

int64_t image_size(const ck_pooling &pooling) { return pooling.height * pooling.width * pooling.channels; }

} // namespace
} // namespace ck

bool ck_max_pool(
    const ck_resources *resources, ck_type type, const ck_pooling *pooling, const void *images, void *out,
    uint8_t *choices) {
    return ck::run(type, [&](auto zero) {
        using T = decltype(zero);
        const auto &kernel = ck::row_kernel<T>();
        auto nothing = [](int64_t) {};
        ck::for_each_row(ck::Resources(*resources), *pooling, nothing, [&](int64_t image, int64_t row, int64_t place) {
            auto from = static_cast<const T *>(images) + image * ck::image_size(*pooling);
            kernel.pool(*pooling, row, from, static_cast<T *>(out) + place, choices + place);
        });
    });
}

bool ck_spread_pooled(
    const ck_resources *resources, ck_type type, const ck_pooling *pooling, const void *gradients,
    const uint8_t *choices, void *images) {
    return ck::run(type, [&](auto zero) {
        using T = decltype(zero);
        const auto &kernel = ck::row_kernel<T>();
        // Where windows do not overlap, each element is written once; zeros are for those that no window has.
        bool overlaps = false, covers = true;
        int64_t extents[]{pooling->height, pooling->width}, counts[]{pooling->out_height, pooling->out_width};
        for (int axis = 0; axis < 2; ++axis) {
            auto size = pooling->window[axis], step = pooling->stride[axis], border = pooling->padding[axis];
            overlaps = overlaps || step < size;
            covers = covers && step == size && counts[axis] * size - border >= extents[axis];
        }
        auto function = overlaps ? kernel.add : kernel.write;
        auto size = ck::image_size(*pooling);
        auto start = static_cast<T *>(images);
        auto clear = [&](int64_t image) {
            if (!covers) std::fill_n(start + image * size, size, T(0));
        };
        ck::for_each_row(ck::Resources(*resources), *pooling, clear, [&](int64_t image, int64_t row, int64_t place) {
            function(
                *pooling, row, static_cast<const T *>(gradients) + place, choices + place, start + image * size);
        });
    });
}

bool ck_pick_pooled(
    const ck_resources *resources, ck_type type, const ck_pooling *pooling, const void *images, const uint8_t *choices,
    void *out) {
    return ck::run(type, [&](auto zero) {
        using T = decltype(zero);
        const auto &kernel = ck::row_kernel<T>();
        auto nothing = [](int64_t) {};
        ck::for_each_row(ck::Resources(*resources), *pooling, nothing, [&](int64_t image, int64_t row, int64_t place) {
            auto from = static_cast<const T *>(images) + image * ck::image_size(*pooling);
            kernel.pick(*pooling, row, from, choices + place, static_cast<T *>(out) + place);
        });
    });
}
