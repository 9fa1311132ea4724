#include "panels.h"

#include <cmath>
#include <cstring>
#include <utility>

namespace ck {
#if defined(__x86_64__)
namespace {

/// The kernel of registers of `Bytes` bytes: of a row of the result, `Count` registers are summed up at a time.
template <class T, int Bytes, int Rows, int Count>
__attribute__((always_inline)) inline void add_rows(
    int64_t depth, const T *left, int64_t left_step, const T *right, int64_t right_step, T *out, int64_t out_step) {
    typedef T Register __attribute__((vector_size(Bytes)));
    constexpr int lanes = Bytes / int(sizeof(T));
    Register sum[Rows][Count];
    std::memset(sum, 0, sizeof sum);
    for (; depth > 0; --depth, left += left_step, right += right_step) {
        // Eight rows ahead: panels are too many for the processor to foresee all of it.
        __builtin_prefetch(left + 8 * left_step);
        Register columns[Count];
        for (int v = 0; v < Count; ++v) {
            __builtin_prefetch(right + 8 * right_step + v * lanes);
            std::memcpy(&columns[v], right + v * lanes, Bytes);
        }
#pragma clang loop unroll(full)
        for (int r = 0; r < Rows; ++r) {
            auto row = left[r] - Register{};
            for (int v = 0; v < Count; ++v) sum[r][v] += row * columns[v];
        }
    }
    // Sums start at zero here: many terms are added up in two levels, with less rounding.
    for (int r = 0; r < Rows; ++r, out += out_step) {
        for (int v = 0; v < Count; ++v) {
            Register before;
            std::memcpy(&before, out + v * lanes, Bytes);
            before += sum[r][v];
            std::memcpy(out + v * lanes, &before, Bytes);
        }
    }
}

/// out <- the elements of two registers in turns, from the element `First` of each on.
template <int First, class Register, int... I>
__attribute__((always_inline)) inline void interleave(
    const Register &a, const Register &b, Register &out, std::integer_sequence<int, I...>) {
    out = __builtin_shufflevector(a, b, (First + I / 2 + I % 2 * int(sizeof...(I)))...);
}

template <class T, int Bytes>
__attribute__((always_inline)) inline void transpose(const T *from, int64_t from_step, T *to, int64_t to_step) {
    typedef T Register __attribute__((vector_size(Bytes)));
    constexpr int lanes = Bytes / int(sizeof(T));
    using Numbers = std::make_integer_sequence<int, lanes>;
    Register rows[lanes], next[lanes];
    for (int i = 0; i < lanes; ++i) std::memcpy(&rows[i], from + i * from_step, Bytes);
    // Each time the first half of the rows is shuffled with the second one: after log2(lanes) times, that is it.
    for (int round = 1; round < lanes; round *= 2) {
        for (int i = 0; i < lanes / 2; ++i) {
            interleave<0>(rows[i], rows[i + lanes / 2], next[2 * i], Numbers());
            interleave<lanes / 2>(rows[i], rows[i + lanes / 2], next[2 * i + 1], Numbers());
        }
        std::memcpy(rows, next, sizeof rows);
    }
    for (int i = 0; i < lanes; ++i) std::memcpy(to + i * to_step, &rows[i], Bytes);
}

template <class T>
__attribute__((target("avx512f"))) void transpose_wide(const T *from, int64_t from_step, T *to, int64_t to_step) {
    transpose<T, 64>(from, from_step, to, to_step);
}

template <class T>
__attribute__((target("avx2,fma"))) void transpose_narrow(const T *from, int64_t from_step, T *to, int64_t to_step) {
    transpose<T, 32>(from, from_step, to, to_step);
}

/// Of a positive-definite matrix [width, width], of which the upper triangle is read and overwritten: the upper
/// triangle U with U^T U = matrix, and its inverse; both are zero below their diagonals.
///
/// Gives the order of the first leading minor that is not positive, or 0.
template <class T, int Bytes>
__attribute__((always_inline)) inline int64_t factorize(T *matrix, T *upper, T *inverse) {
    typedef T Register __attribute__((vector_size(Bytes), aligned(sizeof(T)), may_alias));
    constexpr int64_t lanes = Bytes / int(sizeof(T)), registers = PanelKernel<T>::most, width = registers * lanes;
    auto line = [](T *start, int64_t row) { return reinterpret_cast<Register *>(start + row * width); };
    for (int64_t k = 0; k < width; ++k) {
        auto pivot = matrix[k * width + k];
        if (!(pivot > 0) || !std::isfinite(pivot)) return k + 1;
        auto root = std::sqrt(pivot), scale = 1 / root;
        auto own = line(upper, k), source = line(matrix, k);
        auto first = k / lanes;
        for (int64_t v = 0; v < registers; ++v) own[v] = v < first ? Register{} : source[v] * scale;
        for (auto c = first * lanes; c < k; ++c) upper[k * width + c] = 0;
        upper[k * width + k] = root;
        for (auto r = k + 1; r < width; ++r) {
            auto factor = upper[k * width + r];
            auto other = line(matrix, r);
            for (auto v = r / lanes; v < registers; ++v) other[v] -= factor * own[v];
        }
    }
    // By rows from the last one on: U V = I.
    for (auto r = width - 1; r >= 0; --r) {
        Register sum[registers] = {};
        for (auto k = r + 1; k < width; ++k) {
            auto factor = upper[r * width + k];
            auto other = line(inverse, k);
            for (auto v = k / lanes; v < registers; ++v) sum[v] -= factor * other[v];
        }
        auto scale = 1 / upper[r * width + r];
        auto own = line(inverse, r);
        for (int64_t v = 0; v < registers; ++v) own[v] = sum[v] * scale;
        inverse[r * width + r] = scale;
    }
    return 0;
}

template <class T> __attribute__((target("avx512f"))) int64_t factorize_wide(T *matrix, T *upper, T *inverse) {
    return factorize<T, 64>(matrix, upper, inverse);
}

template <class T> __attribute__((target("avx2,fma"))) int64_t factorize_narrow(T *matrix, T *upper, T *inverse) {
    return factorize<T, 32>(matrix, upper, inverse);
}

// As many sums as there are registers for, beside the columns and a row's element: of 32 and 16 registers.
template <class T, int Count>
__attribute__((target("avx512f"))) void add_wide(
    int64_t depth, const T *left, int64_t left_step, const T *right, int64_t right_step, T *out, int64_t out_step) {
    add_rows<T, 64, 8, Count>(depth, left, left_step, right, right_step, out, out_step);
}

template <class T, int Count>
__attribute__((target("avx2,fma"))) void add_narrow(
    int64_t depth, const T *left, int64_t left_step, const T *right, int64_t right_step, T *out, int64_t out_step) {
    add_rows<T, 32, 4, Count>(depth, left, left_step, right, right_step, out, out_step);
}

template <class T>
constexpr PanelKernel<T> wide{
    8, 64 / int64_t(sizeof(T)), {add_wide<T, 1>, add_wide<T, 2>, add_wide<T, 3>}, transpose_wide<T>, factorize_wide<T>};
template <class T>
constexpr PanelKernel<T> narrow{
    4, 32 / int64_t(sizeof(T)), {add_narrow<T, 1>, add_narrow<T, 2>, add_narrow<T, 3>}, transpose_narrow<T>,
    factorize_narrow<T>};

} // namespace
#endif

template <class T> const PanelKernel<T> *panel_kernel([[maybe_unused]] int64_t most_bytes) noexcept {
#if defined(__x86_64__)
    if (most_bytes >= 64 && __builtin_cpu_supports("avx512f")) return &wide<T>;
    if (most_bytes >= 32 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return &narrow<T>;
#endif
    return nullptr;
}

template const PanelKernel<float> *panel_kernel<float>(int64_t) noexcept;
template const PanelKernel<double> *panel_kernel<double>(int64_t) noexcept;

} // namespace ck
