// Second moments of vectors: symmetric products at half the work of general ones.
#include "include/CKernels.h"
#include "library.h"
#include "packed_panels.h"
#include "symmetric_tiles.h"
#include "tasks.h"

#include <tuple>

namespace ck {
namespace {

/// Where the result goes: rows `step` apart.
template <class T> struct Target {
    T *start;
    int64_t step;
    T beta, alpha;
};

/// Writes a part of the lower triangle, and of the upper one: beta times what is there, and alpha times the sums.
template <class T>
void write(const Target<T> &target, const Tile &tile, const PanelKernel<T> &kernel, const T *sums, int64_t step) {
    for (int64_t i = 0; i < tile.rows; ++i, sums += step) {
        auto line = target.start + (tile.row + i) * target.step + tile.column;
        auto columns = std::min(tile.columns, tile.row + i + 1 - tile.column);
        if (target.beta == 0) {
            for (int64_t j = 0; j < columns; ++j) line[j] = target.alpha * sums[j];
        } else {
            for (int64_t j = 0; j < columns; ++j) line[j] = target.beta * line[j] + target.alpha * sums[j];
        }
    }
    auto whole = [&](auto... arguments) { transpose(kernel, arguments...); };
    mirror(tile, target.start, target.step, whole);
}

/// Few long vectors: all of them in panels, and each tile of the result is a task.
template <class T>
void by_tiles(
    const Target<T> &target, const Vectors<T> &vectors, const PanelKernel<T> &kernel, const Resources &resources) {
    Panels<T> panels(kernel, vectors.n);
    auto count = panels.count, width = panels.width, depth = vectors.count();
    Memory<T> packed(resources, panels.size(depth));
    auto start = packed.get();
    panels.pack(resources, vectors, 0, depth, start);
    // Tiles of several panels in large results: their lines are longer, and pages of memory are come to less often.
    auto side = std::clamp<int64_t>(count / 8, 1, 4), sides = quotient_up(count, side);
    auto step = side * width;
    auto alone = resources.alone();
    resources.for_each_task(sides * (sides + 1) / 2, [&](int64_t task) {
        // The last rows, which are the longest, first.
        int64_t row = sides - 1, column = task;
        for (; column > row; --row) column -= row + 1;
        Zeros<T> sums(alone, step * step);
        auto out = sums.get();
        auto last_row = std::min(count, (row + 1) * side), last_column = std::min(count, (column + 1) * side);
        for (int64_t first = 0; first < depth; first += depth_at_a_time) {
            auto here = std::min(depth_at_a_time, depth - first);
            for (auto i = row * side; i < last_row; ++i)
                for (auto j = column * side; j < std::min(last_column, i + 1); ++j)
                    panels.add_lower(
                        i, j, here, start + (i * depth + first) * width, start + (j * depth + first) * width, width,
                        out + (i - row * side) * width * step + (j - column * side) * width, step);
        }
        for (auto i = row * side; i < last_row; ++i) {
            auto end = std::min({vectors.n, last_column * width, (i + 1) * width});
            write(
                target, {i * width, panels.columns(i), column * step, end - column * step}, panels.kernel,
                out + (i - row * side) * width * step, step);
        }
    });
}

/// Many vectors: each share of them has a sum of its own, to which it adds those that fit the cache at a time.
template <class T>
void by_shares(
    const Target<T> &target, const Vectors<T> &vectors, const PanelKernel<T> &kernel, const Resources &resources) {
    Panels<T> panels(kernel, vectors.n);
    auto count = panels.count, width = panels.width, tile = width * width, tiles = count * (count + 1) / 2;
    auto at_a_time = std::clamp<int64_t>((256 << 10) / int64_t(sizeof(T)) / (count * width), 64, 2048);
    auto chunks = quotient_up(vectors.count(), at_a_time), shares = std::min(resources.threads, chunks);
    // Rows of whole registers, such as the pixels of images whose channels lie side by side, are read where they are.
    bool are_panels = vectors.are_rows() && vectors.n % kernel.lanes == 0 && vectors.n % kernel.rows == 0;
    Zeros<T> sums(resources, shares * tiles * tile);
    Memory<T> packed(resources, are_panels ? 0 : shares * count * at_a_time * width);
    T *start = sums.get(), *memory = packed.get();
    // Which share sums up what does not depend on time: the same result every time.
    resources.for_each_task(shares, [&](int64_t share) {
        auto own = are_panels ? nullptr : memory + share * count * at_a_time * width;
        for (auto chunk = chunks * share / shares; chunk < chunks * (share + 1) / shares; ++chunk) {
            auto first = chunk * at_a_time, here = std::min(at_a_time, vectors.count() - first);
            if (!are_panels)
                for (int64_t i = 0; i < count; ++i) panels.fill(vectors, i, first, here, own + i * here * width);
            auto step = are_panels ? vectors.step() : width;
            auto panel = [&](int64_t i) -> const T * {
                return are_panels ? vectors.start + first * step + i * width : own + i * here * width;
            };
            auto out = start + share * tiles * tile;
            for (int64_t i = 0; i < count; ++i)
                for (int64_t j = 0; j <= i; ++j, out += tile)
                    panels.add_lower(i, j, here, panel(i), panel(j), step, out, width);
        }
    });
    resources.for_each_task(tiles, [&](int64_t task) {
        int64_t row = 0, column = task;
        for (; column > row; ++row) column -= row + 1;
        auto first = start + task * tile;
        for (int64_t share = 1; share < shares; ++share)
            for (int64_t i = 0; i < tile; ++i) first[i] += first[share * tiles * tile + i];
        write(
            target, {row * width, panels.columns(row), column * width, panels.columns(column)}, kernel, first,
            width);
    });
}

// If there is no kernel of our own, the same with the linked library's products.

/// Few long vectors: each tile of the result is a task, over all vectors.
template <class T>
void by_tiles(const Target<T> &target, const Vectors<T> &vectors, const Resources &resources) {
    auto parts = lower_tiles(vectors.n, strip_height(vectors.n), 512);
    // The largest ones first.
    std::sort(parts.begin(), parts.end(), [](const Tile &a, const Tile &b) {
        return std::tuple(b.rows * b.columns, a.row, a.column) < std::tuple(a.rows * a.columns, b.row, b.column);
    });
    resources.for_each_task(parts.size(), [&](int64_t i) {
        const auto &part = parts[i];
        add_outer_products<T>(
            part.rows, part.columns, vectors.count(), target.alpha, vectors.start + part.row, vectors.step(),
            vectors.start + part.column, vectors.step(), target.beta,
            target.start + part.row * target.step + part.column, target.step);
        mirror(part, target.start, target.step);
    });
}

/// Many vectors: each share of them has a sum of its own, to which it adds those that fit the cache at a time.
template <class T>
void by_shares(const Target<T> &target, const Vectors<T> &vectors, const Resources &resources) {
    auto n = vectors.n, count = vectors.count();
    auto at_a_time = std::clamp<int64_t>((512 << 10) / int64_t(sizeof(T)) / n, std::min<int64_t>(256, count), count);
    auto chunks = quotient_up(count, at_a_time);
    auto shares = std::min(resources.threads, chunks);
    Zeros<T> sums(resources, shares * n * n);
    Memory<T> packed(resources, vectors.are_rows() ? 0 : shares * at_a_time * n);
    auto parts = lower_tiles(n, strip_height(n), 1024);
    T *start = sums.get(), *memory = packed.get();
    // Which share sums up what does not depend on time: the same result every time.
    resources.for_each_task(shares, [&](int64_t share) {
        for (auto chunk = chunks * share / shares; chunk < chunks * (share + 1) / shares; ++chunk) {
            auto first = chunk * at_a_time, here = std::min(at_a_time, count - first);
            auto [rows, step] = vectors.rows(first, here, memory ? memory + share * at_a_time * n : nullptr);
            for (const auto &part : parts)
                add_outer_products<T>(
                    part.rows, part.columns, here, 1, rows + part.row, step, rows + part.column, step, 1,
                    start + (share * n + part.row) * n + part.column, n);
        }
    });
    resources.for_each_task(parts.size(), [&](int64_t number) {
        const auto &part = parts[number];
        for (auto i = part.row; i < part.row + part.rows; ++i) {
            auto line = target.start + i * target.step;
            for (auto j = part.column; j < part.column + part.columns; ++j) {
                T sum = 0;
                for (int64_t share = 0; share < shares; ++share) sum += start[(share * n + i) * n + j];
                line[j] = target.beta == 0 ? target.alpha * sum : target.beta * line[j] + target.alpha * sum;
            }
        }
        mirror(part, target.start, target.step);
    });
}

template <class T>
void symmetric_product(
    const Resources &resources, const ck_matrices &target, const ck_vectors &vectors, T beta, T alpha) {
    auto n = target.n;
    auto kernel = panel_kernel<T>(resources.register_bytes);
    // Panels of fewer columns than half a register's would be mostly zeros.
    if (kernel && 2 * n < kernel->lanes) kernel = nullptr;
    resources.for_each_group(target.count, [&](int64_t group, const Resources &resources) {
        Vectors<T> own{
            static_cast<const T *>(vectors.start) + group * n * vectors.element_step, vectors.batch, n,
            vectors.locations, vectors.batch_step, vectors.element_step, vectors.location_step};
        Target<T> to{
            static_cast<T *>(target.start) + group * target.matrix_step, target.row_step, beta, alpha};
        // Where the result outweighs the vectors, sums for each thread would cost more than they save.
        bool is_small = own.count() <= 4 * n;
        if (kernel) {
            is_small ? by_tiles(to, own, *kernel, resources) : by_shares(to, own, *kernel, resources);
        } else {
            is_small && own.are_rows() ? by_tiles(to, own, resources) : by_shares(to, own, resources);
        }
    });
}

} // namespace
} // namespace ck

bool ck_symmetric_product(
    const ck_resources *resources, ck_type type, ck_matrices target, ck_vectors vectors, double beta, double alpha) {
    return ck::run(type, [&](auto zero) {
        using T = decltype(zero);
        ck::symmetric_product<T>(ck::Resources(*resources), target, vectors, T(beta), T(alpha));
    });
}
