// Second moments of vectors: symmetric products at half the work of general ones.
#include "aten_moments.h"
#include "gemm.h"
#include "include/ct_moments.h"
#include "interleave.h"
#include "memory.h"
#include "panels.h"
#include "support.h"
#include "symmetric_tiles.h"
#include "tasks.h"

#include <algorithm>

namespace ct {
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

    /// What lies between one and the next, if they are rows.
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
            if (kernel && location_step == 1 && size >= kernel->lanes) {
                transpose(*kernel, from, element_step, size, here, to + done * step, step);
            } else {
                interleave(from, element_step, location_step, size, here, to + done * step, step);
            }
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
    const Target<T> &target, const Vectors<T> &vectors, const PanelKernel<T> &kernel, const at::TensorOptions &options) {
    Panels<T> panels(kernel, vectors.n);
    auto count = panels.count, width = panels.width, depth = vectors.count();
    auto memory = empty({count * depth * width}, options);
    auto start = memory.template mutable_data_ptr<T>();
    if (vectors.are_rows()) {
        // A vector's part of each panel in turn: what is read lies in one piece.
        constexpr int64_t share = 16;
        for_each_task(quotient_up(depth, share), [&](int64_t task) {
            for (auto i = task * share; i < std::min(depth, (task + 1) * share); ++i)
                for (int64_t panel = 0; panel < count; ++panel)
                    panels.fill(vectors, panel, i, 1, start + (panel * depth + i) * width);
        });
    } else {
        for_each_task(count * quotient_up(depth, depth_at_a_time), [&](int64_t task) {
            auto panel = task % count, first = task / count * depth_at_a_time;
            panels.fill(
                vectors, panel, first, std::min(depth_at_a_time, depth - first),
                start + (panel * depth + first) * width);
        });
    }
    // Tiles of several panels in large results: their lines are longer, and pages of memory are come to less often.
    auto side = std::clamp<int64_t>(count / 8, 1, 4), sides = quotient_up(count, side);
    auto step = side * width;
    for_each_task(sides * (sides + 1) / 2, [&](int64_t task) {
        // The last rows, which are the longest, first.
        int64_t row = sides - 1, column = task;
        for (; column > row; --row) column -= row + 1;
        auto sums = zeros({step, step}, options);
        auto out = sums.template mutable_data_ptr<T>();
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
    const Target<T> &target, const Vectors<T> &vectors, const PanelKernel<T> &kernel, const at::TensorOptions &options) {
    Panels<T> panels(kernel, vectors.n);
    auto count = panels.count, width = panels.width, tile = width * width, tiles = count * (count + 1) / 2;
    auto at_a_time = std::clamp<int64_t>((256 << 10) / int64_t(sizeof(T)) / (count * width), 64, 2048);
    auto chunks = quotient_up(vectors.count(), at_a_time), shares = std::min(task_threads(), chunks);
    auto sums = zeros({shares, tiles * tile}, options), packed = empty({shares, count * at_a_time * width}, options);
    T *start = sums.template mutable_data_ptr<T>(), *memory = packed.template mutable_data_ptr<T>();
    // Which share sums up what does not depend on time: the same result every time.
    for_each_task(shares, [&](int64_t share) {
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
    for_each_task(tiles, [&](int64_t task) {
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

// Where there is no kernel of our own, the same with the linked library's products.

/// Few long vectors: each tile of the result is a task, over all vectors.
template <class T> void by_tiles(const Target<T> &target, const Vectors<T> &vectors) {
    auto parts = lower_tiles(vectors.n, strip_height(vectors.n), 512);
    std::stable_sort(parts.begin(), parts.end(), [](const Tile &a, const Tile &b) {
        return a.rows * a.columns > b.rows * b.columns;
    });
    for_each_task(parts.size(), [&](int64_t i) {
        const auto &part = parts[i];
        add_outer_products<T>(
            part.rows, part.columns, vectors.count(), target.alpha, vectors.start + part.row, vectors.step(),
            vectors.start + part.column, vectors.step(), target.beta,
            target.start + part.row * target.step + part.column, target.step);
        mirror(part, target.start, target.step);
    });
}

/// Many vectors: each share of them has a sum of its own, to which it adds those that fit the cache at a time.
template <class T> void by_shares(const Target<T> &target, const Vectors<T> &vectors, const at::TensorOptions &options) {
    auto n = vectors.n, count = vectors.count();
    auto at_a_time = std::clamp<int64_t>((512 << 10) / int64_t(sizeof(T)) / n, std::min<int64_t>(256, count), count);
    auto chunks = quotient_up(count, at_a_time);
    auto shares = std::min(task_threads(), chunks);
    auto sums = zeros({shares, n, n}, options);
    auto packed = empty({vectors.are_rows() ? 0 : shares, at_a_time * n}, options);
    auto parts = lower_tiles(n, strip_height(n), 1024);
    T *start = sums.template mutable_data_ptr<T>(), *memory = packed.template mutable_data_ptr<T>();
    // Which share sums up what does not depend on time: the same result every time.
    for_each_task(shares, [&](int64_t share) {
        for (auto chunk = chunks * share / shares; chunk < chunks * (share + 1) / shares; ++chunk) {
            auto first = chunk * at_a_time, here = std::min(at_a_time, count - first);
            auto [rows, step] = vectors.rows(first, here, memory ? memory + share * at_a_time * n : nullptr);
            for (const auto &part : parts)
                add_outer_products<T>(
                    part.rows, part.columns, here, 1, rows + part.row, step, rows + part.column, step, 1,
                    start + (share * n + part.row) * n + part.column, n);
        }
    });
    for_each_task(parts.size(), [&](int64_t number) {
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
void symmetric_product(at::Tensor &target, const at::Tensor &vectors, T beta, T alpha, int64_t register_bytes) {
    auto groups = target.size(0), n = vectors.size(1) / groups;
    // Panels of fewer columns than half a register's would be mostly zeros.
    auto kernel = panel_kernel<T>(register_bytes);
    if (kernel && 2 * n < kernel->lanes) kernel = nullptr;
    auto run = [&](int64_t group) {
        Vectors<T> own{
            vectors.const_data_ptr<T>() + group * n * vectors.stride(1), vectors.size(0), n, vectors.size(2),
            vectors.stride(0), vectors.stride(1), vectors.stride(2)};
        // A matrix of one row may have any step to the next.
        Target<T> to{
            target.mutable_data_ptr<T>() + group * target.stride(0), std::max(target.stride(1), n), beta, alpha};
        // Where the result outweighs the vectors, sums for each thread would cost more than they save.
        if (kernel) {
            if (own.count() <= 4 * n) {
                by_tiles(to, own, *kernel, vectors.options());
            } else {
                by_shares(to, own, *kernel, vectors.options());
            }
        } else if (own.are_rows() && own.count() <= 4 * n) {
            by_tiles(to, own);
        } else {
            by_shares(to, own, vectors.options());
        }
    };
    if (groups > 1) {
        for_each_task(groups, run);
    } else {
        run(0);
    }
}

} // namespace
} // namespace ct

using namespace ct;

kt_status kt_symmetric_product(kt_tensor target, kt_tensor vectors, double beta, double alpha, int64_t register_bytes) {
    return writing(target, [&] {
        auto matrix = borrow(target), source = borrow(vectors);
        TORCH_CHECK(
            matrix.dim() == 3 && source.dim() == 3 && matrix.size(1) == matrix.size(2)
                && source.size(1) == matrix.size(0) * matrix.size(1),
            "vectors [batch, groups * n, locations] and a target [groups, n, n] were expected");
        check_kernel_destination(matrix, source);
        if (matrix.numel() == 0) return;
        if (source.numel() == 0) {
            // No vectors. Zero times what is not a number would not be zero.
            beta == 0 ? matrix.zero_() : matrix.mul_(beta);
            return;
        }
        source = apart(matrix, source);
        AT_DISPATCH_FLOATING_TYPES(matrix.scalar_type(), "symmetric product", [&] {
            symmetric_product<scalar_t>(matrix, source, scalar_t(beta), scalar_t(alpha), register_bytes);
        });
    });
}
