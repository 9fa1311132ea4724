// Second moments of vectors: symmetric products at half the work of general ones.
#include "aten_moments.h"
#include "gemm.h"
#include "include/ct_moments.h"
#include "interleave.h"
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

    /// Vectors [first, first + count) as rows, copied to `memory` where they are none, and what lies between them.
    std::pair<const T *, int64_t> rows(int64_t first, int64_t count, T *memory) const {
        if (are_rows()) return {start + first * step(), step()};
        for (int64_t done = 0; done < count;) {
            auto image = (first + done) / locations, location = (first + done) % locations;
            auto here = std::min(count - done, locations - location);
            interleave(
                start + image * batch_step + location * location_step, element_step, location_step, n, here,
                memory + done * n, n);
            done += here;
        }
        return {memory, n};
    }
};

/// Where the result goes: rows `step` apart.
template <class T> struct Target {
    T *start;
    int64_t step;
    T beta, alpha;
};

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
    auto sums = at::zeros({shares, n, n}, options);
    auto packed = at::empty({vectors.are_rows() ? 0 : shares, at_a_time * n}, options);
    auto parts = lower_tiles(n, strip_height(n), 1024);
    T *start = sums.template mutable_data_ptr<T>(), *memory = packed.template mutable_data_ptr<T>();
    // Which share sums up what does not depend on time: the same result every time.
    for_each_task(shares, [&](int64_t share) {
        for (auto chunk = chunks * share / shares; chunk < chunks * (share + 1) / shares; ++chunk) {
            auto first = chunk * at_a_time, here = std::min(at_a_time, count - first);
            auto [rows, step] = vectors.rows(first, here, memory + share * at_a_time * n);
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

template <class T> void symmetric_product(at::Tensor &target, const at::Tensor &vectors, T beta, T alpha) {
    auto groups = target.size(0), n = vectors.size(1) / groups;
    auto run = [&](int64_t group) {
        Vectors<T> own{
            vectors.const_data_ptr<T>() + group * n * vectors.stride(1), vectors.size(0), n, vectors.size(2),
            vectors.stride(0), vectors.stride(1), vectors.stride(2)};
        Target<T> to{target.mutable_data_ptr<T>() + group * target.stride(0), target.stride(1), beta, alpha};
        // Where the result outweighs the vectors, sums for each thread would cost more than they save.
        if (own.are_rows() && own.count() <= 4 * n) {
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

kt_status kt_symmetric_product(kt_tensor target, kt_tensor vectors, double beta, double alpha) {
    return guarded([&] {
        auto matrix = borrow(target), source = borrow(vectors);
        AT_DISPATCH_FLOATING_TYPES(matrix.scalar_type(), "symmetric product", [&] {
            symmetric_product<scalar_t>(matrix, source, scalar_t(beta), scalar_t(alpha));
        });
    });
}
