// Inner products in double precision, whatever the precision of the vectors.
#include "include/CKernels.h"
#include "tasks.h"

#include <vector>

using namespace ck;

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
static double shared_inner_product(const Resources &resources, const float *a, const float *b, int64_t count) {
    constexpr int64_t share = 1 << 16;
    if (count <= share) return kernel(a, b, count);
    std::vector<double> sums((count + share - 1) / share);
    resources.for_each_task(int64_t(sums.size()), [&](int64_t i) {
        sums[i] = kernel(a + i * share, b + i * share, std::min(share, count - i * share));
    });
    double sum = 0;
    for (auto part : sums) sum += part;
    return sum;
}

bool ck_inner_product(const ck_resources *resources, const float *a, const float *b, int64_t count, double *out) {
    return run(CK_FLOAT32, [&](auto) { *out = shared_inner_product(Resources(*resources), a, b, count); });
}
