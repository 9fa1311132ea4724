// How quick the products are that the kernels are made of.
#include "include/CKernels.h"
#include "panels.h"
#include "tasks.h"

#include <chrono>
#include <vector>

using namespace ck;

bool ck_product_rate(
    const ck_resources *resources, int64_t rows, int64_t columns, int64_t depth, double *flops_per_second) {
    return run(CK_FLOAT32, [&](auto) {
        using Clock = std::chrono::steady_clock;
        constexpr int64_t repeats = 3;
        Resources own(*resources);
        std::vector<double> best(own.threads, 1e300);
        own.for_each_task(own.threads, [&](int64_t thread) {
            auto kernel = panel_kernel<float>(own.register_bytes);
            auto out_step = padded_columns(kernel, columns);
            std::vector<float> left(rows * depth + reading_margin, 1), right(columns * depth + reading_margin, 1);
            std::vector<float> out(padded_rows(kernel, rows) * out_step);
            // As many products at a time as the clock can tell apart.
            auto count = std::max<int64_t>(1, 4'000'000 / (rows * columns * depth));
            for (int64_t repeat = 0; repeat <= repeats; ++repeat) {
                auto start = Clock::now();
                for (int64_t i = 0; i < count; ++i)
                    add_products(
                        kernel, rows, columns, depth, left.data(), rows, right.data(), columns, out.data(), out_step);
                std::chrono::duration<double> time = Clock::now() - start;
                if (repeat > 0) best[thread] = std::min(best[thread], time.count() / count);
            }
        });
        *flops_per_second = 2.0 * rows * columns * depth / *std::min_element(best.begin(), best.end());
    });
}
