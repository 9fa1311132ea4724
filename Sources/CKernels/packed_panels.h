// Vectors copied into panels, which is how products read them.
#ifndef CK_PACKED_PANELS_H
#define CK_PACKED_PANELS_H

#include "panels.h"
#include "tasks.h"

#include <utility>

namespace ck {

/// Vectors with any steps: [batch, n, locations].
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

    /// The elements of all panels of so many vectors.
    int64_t size(int64_t depth) const { return count * depth * width; }

    /// Copies vectors [first, first + depth), panel after panel.
    void pack(const Resources &resources, const Vectors<T> &vectors, int64_t first, int64_t depth, T *to) const {
        if (vectors.are_rows()) {
            // A vector's part of each panel in turn: what is read lies in one piece.
            constexpr int64_t share = 16;
            resources.for_each_task(quotient_up(depth, share), [&](int64_t task) {
                for (auto i = task * share; i < std::min(depth, (task + 1) * share); ++i)
                    for (int64_t panel = 0; panel < count; ++panel)
                        fill(vectors, panel, first + i, 1, to + (panel * depth + i) * width);
            });
            return;
        }
        resources.for_each_task(count * quotient_up(depth, depth_at_a_time), [&](int64_t task) {
            auto panel = task % count, start = task / count * depth_at_a_time;
            fill(
                vectors, panel, first + start, std::min(depth_at_a_time, depth - start),
                to + (panel * depth + start) * width);
        });
    }

    /// out[width, width] += left^T right for panels of `depth` of these vectors, one every `panel_step` elements; of a
    /// tile on the diagonal, the lower triangle.
    void add_lower(
        int64_t row, int64_t column, int64_t depth, const T *left, const T *right, int64_t panel_step, T *out,
        int64_t step) const {
        auto registers = quotient_up(columns(column), kernel.lanes);
        for (int64_t i = 0; i < columns(row); i += kernel.rows) {
            auto needed = row == column ? std::min(registers, quotient_up(i + kernel.rows, kernel.lanes)) : registers;
            kernel.add[needed - 1](depth, left + i, panel_step, right, panel_step, out + i * step, step);
        }
    }
};

} // namespace ck

#endif
