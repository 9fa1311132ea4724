// Transposing copies.
#ifndef CK_TRANSPOSE_H
#define CK_TRANSPOSE_H

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace ck {

inline int64_t quotient_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Transposes a tile of 4 x 4 elements in registers.
template <class T> void transpose_tile(const T *from, int64_t from_step, T *to, int64_t to_step) {
    typedef T four __attribute__((vector_size(4 * sizeof(T))));
    four row[4];
    for (int64_t i = 0; i < 4; ++i) std::memcpy(&row[i], from + i * from_step, sizeof row[i]);
    four low01 = __builtin_shufflevector(row[0], row[1], 0, 4, 1, 5);
    four high01 = __builtin_shufflevector(row[0], row[1], 2, 6, 3, 7);
    four low23 = __builtin_shufflevector(row[2], row[3], 0, 4, 1, 5);
    four high23 = __builtin_shufflevector(row[2], row[3], 2, 6, 3, 7);
    four column[4] = {
        __builtin_shufflevector(low01, low23, 0, 1, 4, 5), __builtin_shufflevector(low01, low23, 2, 3, 6, 7),
        __builtin_shufflevector(high01, high23, 0, 1, 4, 5), __builtin_shufflevector(high01, high23, 2, 3, 6, 7)};
    for (int64_t i = 0; i < 4; ++i) std::memcpy(to + i * to_step, &column[i], sizeof column[i]);
}

/// to[column * to_step + row] <- from[row * from_step + column].
template <class T>
void transpose(const T *from, int64_t from_step, int64_t rows, int64_t columns, T *to, int64_t to_step) {
    // Tiles as large as a cache line, by way of a copy: each line is read once and written once, at a time. Lines of
    // neighbouring rows may share a place in the cache, and would drive one another out of it.
    constexpr int64_t tile = 16;
    alignas(64) T copy[tile * tile];
    for (int64_t r = 0; r < rows; r += tile) {
        auto height = std::min(tile, rows - r), full_height = height / 4 * 4;
        for (int64_t c = 0; c < columns; c += tile) {
            auto width = std::min(tile, columns - c), full_width = width / 4 * 4;
            auto source = from + r * from_step + c;
            for (int64_t y = 0; y < full_height; y += 4)
                for (int64_t x = 0; x < full_width; x += 4)
                    transpose_tile(source + y * from_step + x, from_step, copy + x * tile + y, tile);
            for (int64_t y = 0; y < height; ++y)
                for (auto x = y < full_height ? full_width : 0; x < width; ++x)
                    copy[x * tile + y] = source[y * from_step + x];
            auto target = to + c * to_step + r;
            if (height == tile) {
                for (int64_t x = 0; x < width; ++x) std::memcpy(target + x * to_step, copy + x * tile, sizeof(T) * tile);
            } else {
                for (int64_t x = 0; x < width; ++x) std::copy_n(copy + x * tile, height, target + x * to_step);
            }
        }
    }
}

/// Copies `count` vectors of n elements: to[v * to_step + i] <- from[i * element_step + v * vector_step].
template <class T>
void interleave(
    const T *from, int64_t element_step, int64_t vector_step, int64_t n, int64_t count, T *to, int64_t to_step) {
    if (n == 1 && vector_step == 1 && to_step == 1) {
        std::memcpy(to, from, count * sizeof(T));
    } else if (element_step == 1) {
        for (int64_t v = 0; v < count; ++v) std::memcpy(to + v * to_step, from + v * vector_step, n * sizeof(T));
    } else if (vector_step == 1) {
        transpose(from, element_step, n, count, to, to_step);
    } else {
        for (int64_t v = 0; v < count; ++v)
            for (int64_t i = 0; i < n; ++i) to[v * to_step + i] = from[i * element_step + v * vector_step];
    }
}

} // namespace ck

#endif
