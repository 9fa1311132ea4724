// Maximum pooling of images whose channels lie side by side, and its derivative.
#include "include/CKernels.h"
#include "tasks.h"

#include <type_traits>

namespace ck {
namespace {

/// Channels that are worked on at a time: what is known of them stays in registers or in the nearest cache.
constexpr int64_t channels_at_a_time = 64;

/// The elements of an output pixel's window that lie within the image, and where the first one does.
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

template <class T> struct MaxPool {
    /// The greatest elements of a row of windows, and which ones they are.
    __attribute__((always_inline)) static void
    pool(const ck_pooling &pooling, int64_t row, const T *image, T *out, uint8_t *choices) {
        using Number = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;
        for (int64_t column = 0; column < pooling.out_width; ++column) {
            Window window(pooling, row, column);
            for (int64_t first = 0; first < pooling.channels; first += channels_at_a_time) {
                auto count = std::min(channels_at_a_time, pooling.channels - first);
                T best[channels_at_a_time];
                Number choice[channels_at_a_time];
                bool is_first = true;
                for_each_element(pooling, window, image, [&](int32_t number, const T *pixel) {
                    if (is_first) {
                        for (int64_t i = 0; i < count; ++i) {
                            best[i] = pixel[first + i];
                            choice[i] = number;
                        }
                        is_first = false;
                        return;
                    }
                    for (int64_t i = 0; i < count; ++i) {
                        auto value = pixel[first + i];
                        // What is not a number is taken for the greatest.
                        bool is_greater = (value > best[i]) | (value != value);
                        best[i] = is_greater ? value : best[i];
                        choice[i] = is_greater ? Number(number) : choice[i];
                    }
                });
                auto place = column * pooling.channels + first;
                std::memcpy(out + place, best, count * sizeof(T));
                for (int64_t i = 0; i < count; ++i) choices[place + i] = uint8_t(choice[i]);
            }
        }
    }

    /// Adds gradients of a row of windows to the elements that were chosen; where windows neither overlap nor leave
    /// anything out, it writes them and zeros for the others.
    template <bool Writes>
    __attribute__((always_inline)) static void
    spread(const ck_pooling &pooling, int64_t row, const T *gradients, const uint8_t *choices, T *image) {
        for (int64_t column = 0; column < pooling.out_width; ++column) {
            auto own = gradients + column * pooling.channels;
            auto choice = choices + column * pooling.channels;
            for_each_element(pooling, Window(pooling, row, column), image, [&](int32_t number, T *pixel) {
                for (int64_t i = 0; i < pooling.channels; ++i) {
                    auto part = choice[i] == number ? own[i] : T(0);
                    pixel[i] = Writes ? part : pixel[i] + part;
                }
            });
        }
    }

    /// The elements that were chosen in a row of windows.
    __attribute__((always_inline)) static void
    pick(const ck_pooling &pooling, int64_t row, const T *image, const uint8_t *choices, T *out) {
        for (int64_t column = 0; column < pooling.out_width; ++column) {
            auto own = out + column * pooling.channels;
            auto choice = choices + column * pooling.channels;
            for_each_element(pooling, Window(pooling, row, column), image, [&](int32_t number, const T *pixel) {
                for (int64_t i = 0; i < pooling.channels; ++i)
                    own[i] = choice[i] == number ? pixel[i] : own[i];
            });
        }
    }
};

// The same for each kind of processor.

#if defined(__x86_64__)
#define CK_WIDE __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))

template <class T>
CK_WIDE void pool_wide(const ck_pooling &pooling, int64_t row, const T *image, T *out, uint8_t *choices) {
    MaxPool<T>::pool(pooling, row, image, out, choices);
}
template <class T, bool Writes>
CK_WIDE void
spread_wide(const ck_pooling &pooling, int64_t row, const T *gradients, const uint8_t *choices, T *image) {
    MaxPool<T>::template spread<Writes>(pooling, row, gradients, choices, image);
}
#endif

template <class T> void pool(const ck_pooling &pooling, int64_t row, const T *image, T *out, uint8_t *choices) {
    MaxPool<T>::pool(pooling, row, image, out, choices);
}
template <class T, bool Writes>
void spread(const ck_pooling &pooling, int64_t row, const T *gradients, const uint8_t *choices, T *image) {
    MaxPool<T>::template spread<Writes>(pooling, row, gradients, choices, image);
}

bool has_wide_registers() {
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")
        && __builtin_cpu_supports("avx512vl");
#else
    return false;
#endif
}

/// Where the pixels of an image and of its windows lie.
struct Steps {
    int64_t image, out;

    explicit Steps(const ck_pooling &pooling)
        : image(pooling.height * pooling.width * pooling.channels),
          out(pooling.out_height * pooling.out_width * pooling.channels) {}

    int64_t row(const ck_pooling &pooling) const { return out / pooling.out_height; }
};

} // namespace
} // namespace ck

bool ck_max_pool(
    const ck_resources *resources, ck_type type, const ck_pooling *pooling, const void *images, void *out,
    uint8_t *choices) {
    return ck::run(type, [&](auto zero) {
        using T = decltype(zero);
        ck::Steps steps(*pooling);
        auto row_step = steps.row(*pooling);
        auto function = &ck::pool<T>;
#if defined(__x86_64__)
        if (ck::has_wide_registers()) function = &ck::pool_wide<T>;
#endif
        ck::Resources(*resources).for_each_task(pooling->batch, [&](int64_t i) {
            for (int64_t row = 0; row < pooling->out_height; ++row) {
                auto place = i * steps.out + row * row_step;
                function(
                    *pooling, row, static_cast<const T *>(images) + i * steps.image, static_cast<T *>(out) + place,
                    choices + place);
            }
        });
    });
}

bool ck_spread_pooled(
    const ck_resources *resources, ck_type type, const ck_pooling *pooling, const void *gradients,
    const uint8_t *choices, void *images) {
    return ck::run(type, [&](auto zero) {
        using T = decltype(zero);
        ck::Steps steps(*pooling);
        auto row_step = steps.row(*pooling);
        bool writes = true;
        for (int axis = 0; axis < 2; ++axis)
            writes = writes && pooling->padding[axis] == 0 && pooling->stride[axis] == pooling->window[axis];
        bool covers = writes && pooling->out_height * pooling->window[0] == pooling->height
            && pooling->out_width * pooling->window[1] == pooling->width;
        auto function = writes ? &ck::spread<T, true> : &ck::spread<T, false>;
#if defined(__x86_64__)
        if (ck::has_wide_registers()) function = writes ? &ck::spread_wide<T, true> : &ck::spread_wide<T, false>;
#endif
        ck::Resources(*resources).for_each_task(pooling->batch, [&](int64_t i) {
            auto image = static_cast<T *>(images) + i * steps.image;
            if (!covers) std::fill_n(image, steps.image, T(0));
            for (int64_t row = 0; row < pooling->out_height; ++row) {
                auto place = i * steps.out + row * row_step;
                function(*pooling, row, static_cast<const T *>(gradients) + place, choices + place, image);
            }
        });
    });
}

bool ck_pick_pooled(
    const ck_resources *resources, ck_type type, const ck_pooling *pooling, const void *images, const uint8_t *choices,
    void *out) {
    return ck::run(type, [&](auto zero) {
        using T = decltype(zero);
        ck::Steps steps(*pooling);
        auto row_step = steps.row(*pooling);
        ck::Resources(*resources).for_each_task(pooling->batch, [&](int64_t i) {
            for (int64_t row = 0; row < pooling->out_height; ++row) {
                auto place = i * steps.out + row * row_step;
                ck::MaxPool<T>::pick(
                    *pooling, row, static_cast<const T *>(images) + i * steps.image, choices + place,
                    static_cast<T *>(out) + place);
            }
        });
    });
}
