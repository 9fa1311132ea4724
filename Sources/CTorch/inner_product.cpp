// Inner products in double precision, whatever the precision of the vectors.
#include "aten_math.h"
#include "include/ct_math.h"
#include "support.h"
#include "tasks.h"

#include <vector>

using namespace ct;

/// Products of single-precision numbers are exact in double precision. So many sums at once hide how long adding takes.
__attribute__((always_inline)) static inline double sum_of_products(const float *a, const float *b, int64_t count) {
    constexpr int64_t lanes = 16;
    double sums[lanes] = {}, sum = 0;
    int64_t i = 0;
    for (; i + lanes <= count; i += lanes)
        for (int64_t lane = 0; lane < lanes; ++lane) sums[lane] += double(a[i + lane]) * double(b[i + lane]);
    for (; i < count; ++i) sum += double(a[i]) * double(b[i]);
    for (auto lane : sums) sum += lane;
    return sum;
}

static double inner_product(const float *a, const float *b, int64_t count) { return sum_of_products(a, b, count); }

#if defined(__x86_64__)
/// The same bits in half the time: each lane adds up the same numbers in the same order.
__attribute__((target("avx2"))) static double inner_product_avx2(const float *a, const float *b, int64_t count) {
    return sum_of_products(a, b, count);
}
static const auto kernel = __builtin_cpu_supports("avx2") ? inner_product_avx2 : inner_product;
#else
static const auto kernel = inner_product;
#endif

/// The sum of the products of `count` elements: shares of one length, so that the result is the same for any threads.
static double shared_inner_product(const float *a, const float *b, int64_t count) {
    constexpr int64_t share = 1 << 16;
    if (count <= share) return kernel(a, b, count);
    std::vector<double> sums((count + share - 1) / share);
    for_each_task(int64_t(sums.size()), [&](int64_t i) {
        sums[i] = kernel(a + i * share, b + i * share, std::min(share, count - i * share));
    });
    double sum = 0;
    for (auto part : sums) sum += part;
    return sum;
}

kt_status kt_inner_product(kt_tensor a, kt_tensor b, kt_tensor *out) {
    return guarded([&] {
        auto x = borrow(a).detach(), y = borrow(b).detach();
        if (imagines()) {
            *out = give(imagined({}, at::kDouble));
            return;
        }
        if (!x.is_cpu() || !y.is_cpu() || x.scalar_type() != at::kFloat || y.scalar_type() != at::kFloat) {
            *out = give(x.to(at::kDouble).reshape(-1).matmul(y.to(at::kDouble).reshape(-1)));
            return;
        }
        // In which order the elements lie in memory does not matter, as long as both have the same.
        if (x.strides() != y.strides() || !x.is_non_overlapping_and_dense()) {
            x = x.contiguous();
            y = y.contiguous();
        }
        auto sum = shared_inner_product(x.const_data_ptr<float>(), y.const_data_ptr<float>(), x.numel());
        *out = give(at::scalar_tensor(sum, at::kDouble));
    });
}
