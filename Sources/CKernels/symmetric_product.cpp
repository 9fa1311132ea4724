// Second moments of vectors: symmetric products at half the work of general ones.
#include "include/CKernels.h"
#include "library.h"
#include "panels.h"
#include "symmetric_tiles.h"
#include "tasks.h"

#include <tuple>

namespace ck {
namespace {

/// The vectors of one group: [batch, n, locations].
template <class T> struct Vectors {
    const T *start;
    int64_t batch, n, locations, batch_step, element_step, location_step;

    int64_t count() const { return batch * locations; }

    /// Whether they are the rows of one matrix, which do not overlap.
    bool are_rows() const {
        return element_step == 1 && step() >= n
            && (batch == 1 || locations == 1 || batch_step == locations * location_step);
    }

    /// The step between one and the next, if they are rows.
    int64_t step() const { return locations > 1 ? location_step : batch > 1 ? batch_step : n; }

    /// Copies elements [element, element + size) of vectors [first, first + count), a vector every `step` elements.
    void copy(
        int64_t first, int64_t count, int64_t element, int64_t size, T *to, int64_t step,
        const PanelKernel<T> *kernel = nullptr) const {
        if (are_rows()) {
            auto from = start + first * this->step() + element;
            for (int64_t i = 0; i < count; ++i) std::memcpy(to + i * step, from + i * this->step(), size * sizeof(T));
            return;
        }
        for (int64_t done = 0; done < count;) {
            auto image = (first + done) / locations, location = (first + done) % locations;
            auto here = std::min(count - done, locations - location);
            auto from = start + image * batch_step + location * location_step + element * element_step;
            copy_vectors(kernel, from, element_step, location_step, size, here, to + done * step, step);
            done += here;
        }
    }

    /// Vectors [first, first + count) as rows, copied to `memory` where they are none, and what lies between them.
    std::pair<const T *, int64_t> rows(int64_t first, int64_t count, T *memory) const {
        if (are_rows()) return {start + first * step(), step()};
        copy(first, count, 0, n, memory, n);
        return {memory, n};
    }
};

/// Where the result goes: rows `step` apart.
template <class T> struct Target {
    T *start;
    int64_t step;
    T beta, alpha;
};

/// Vectors copied into panels, which lie one after the other; columns beyond the last one's are zero.
template <class T> struct Panels {
    const PanelKernel<T> &kernel;
    /// The number of columns in all, of columns in a panel, and of panels.
    int64_t n, width, count;

    Panels(const PanelKernel<T> &kernel, int64_t n)
        : kernel(kernel), n(n),
          width(kernel.lanes * std::min(quotient_up(n, kernel.lanes), PanelKernel<T>::most)),
          count(quotient_up(n, width)) {}

    /// The columns of a panel that are not beyond the last one.
    int64_t columns(int64_t panel) const { return std::min(width, n - panel * width); }

    /// Copies the columns of a panel of vectors [first, first + size) to `to`.
    void fill(const Vectors<T> &vectors, int64_t panel, int64_t first, int64_t size, T *to) const {
        auto own = columns(panel);
        vectors.copy(first, size, panel * width, own, to, width, &kernel);
        for (int64_t i = 0; own < width && i < size; ++i) std::fill_n(to + i * width + own, width - own, T(0));
    }

    /// out[width, width] += left^T right for panels of `depth` vectors; of a tile on the diagonal, the lower triangle.
    void add(int64_t row, int64_t column, int64_t depth, const T *left, const T *right, T *out, int64_t step) const {
        auto registers = quotient_up(columns(column), kernel.lanes);
        for (int64_t i = 0; i < columns(row); i += kernel.rows) {
            auto needed = row == column ? std::min(registers, quotient_up(i + kernel.rows, kernel.lanes)) : registers;
            kernel.add[needed - 1](depth, left + i, width, right, width, out + i * step, step);
        }
    }
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

/// The vectors of a panel that products take at a time: these, and the panel's sums, stay in the cache.
constexpr int64_t depth_at_a_time = 256;

/// Few long vectors: all of them in panels, and each tile of the result is a task.
template <class T>
void by_tiles(
    const Target<T> &target, const Vectors<T> &vectors, const PanelKernel<T> &kernel, const Resources &resources) {
    Panels<T> panels(kernel, vectors.n);
    auto count = panels.count, width = panels.width, depth = vectors.count();
    Memory<T> packed(resources, count * depth * width);
    auto start = packed.get();
    if (vectors.are_rows()) {
        // A vector's part of each panel in turn: what is read lies in one piece.
        constexpr int64_t share = 16;
        resources.for_each_task(quotient_up(depth, share), [&](int64_t task) {
            for (auto i = task * share; i < std::min(depth, (task + 1) * share); ++i)
                for (int64_t panel = 0; panel < count; ++panel)
                    panels.fill(vectors, panel, i, 1, start + (panel * depth + i) * width);
        });
    } else {
        resources.for_each_task(count * quotient_up(depth, depth_at_a_time), [&](int64_t task) {
            auto panel = task % count, first = task / count * depth_at_a_time;
            panels.fill(
                vectors, panel, first, std::min(depth_at_a_time, depth - first),
                start + (panel * depth + first) * width);
        });
    }
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
                    panels.add(
                        i, j, here, start + (i * depth + first) * width, start + (j * depth + first) * width,
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
    Zeros<T> sums(resources, shares * tiles * tile);
    Memory<T> packed(resources, shares * count * at_a_time * width);
    T *start = sums.get(), *memory = packed.get();
    // Which share sums up what does not depend on time: the same result every time.
    resources.for_each_task(shares, [&](int64_t share) {
        auto own = memory + share * count * at_a_time * width;
        for (auto chunk = chunks * share / shares; chunk < chunks * (share + 1) / shares; ++chunk) {
            auto first = chunk * at_a_time, here = std::min(at_a_time, vectors.count() - first);
            for (int64_t i = 0; i < count; ++i) panels.fill(vectors, i, first, here, own + i * here * width);
            auto out = start + share * tiles * tile;
            for (int64_t i = 0; i < count; ++i)
                for (int64_t j = 0; j <= i; ++j, out += tile)
                    panels.add(i, j, here, own + i * here * width, own + j * here * width, out, width);
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
