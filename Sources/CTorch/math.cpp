#include "include/ct_math.h"
#include "aten_math.h"
#include "memory.h"
#include "support.h"

#include <limits>

using namespace ct;

#define KT_UNARY(name) \
    kt_status kt_##name(kt_tensor x, kt_tensor *out) { \
        return guarded([&] { *out = give(at::name(borrow(x))); }); \
    }
KT_UNARY(neg)
KT_UNARY(sign)
KT_UNARY(exp)
KT_UNARY(log)
KT_UNARY(log1p)
KT_UNARY(sqrt)
KT_UNARY(rsqrt)
KT_UNARY(square)
KT_UNARY(reciprocal)
KT_UNARY(sin)
KT_UNARY(cos)
KT_UNARY(erf)
KT_UNARY(floor)
KT_UNARY(round)
KT_UNARY(tanh)
KT_UNARY(sigmoid)
KT_UNARY(gelu)
KT_UNARY(silu)
KT_UNARY(softplus)

// Those that libtorch does not know the shapes of, beside others with the same.
#define KT_UNARY_LIKE(name, shape) \
    kt_status kt_##name(kt_tensor operand, kt_tensor *out) { \
        return guarded([&] { \
            auto x = borrow(operand); \
            *out = give(imagines() ? shape : at::name(x)); \
        }); \
    }
KT_UNARY_LIKE(abs, at::neg(x))
KT_UNARY_LIKE(relu, at::clamp_min(x, 0))
KT_UNARY_LIKE(logical_not, at::eq(x, x))
KT_UNARY_LIKE(isfinite, at::eq(x, x))

#define KT_BINARY(name) \
    kt_status kt_##name(kt_tensor a, kt_tensor b, kt_tensor *out) { \
        return guarded([&] { *out = give(at::name(borrow(a), borrow(b))); }); \
    }
KT_BINARY(add)
KT_BINARY(sub)
KT_BINARY(mul)
KT_BINARY(div)
KT_BINARY(pow)
KT_BINARY(maximum)
KT_BINARY(minimum)
KT_BINARY(eq)
KT_BINARY(ne)
KT_BINARY(lt)
KT_BINARY(le)
KT_BINARY(gt)
KT_BINARY(ge)

#define KT_LOGICAL(name) \
    kt_status kt_##name(kt_tensor a, kt_tensor b, kt_tensor *out) { \
        return guarded([&] { \
            auto x = borrow(a), y = borrow(b); \
            *out = give(imagines() ? at::eq(x, y) : at::name(x, y)); \
        }); \
    }
KT_LOGICAL(logical_and)
KT_LOGICAL(logical_or)

#define KT_SCALAR(name) \
    kt_status kt_##name##_scalar(kt_tensor x, double value, kt_tensor *out) { \
        return guarded([&] { \
            auto tensor = borrow(x); \
            *out = give(at::name(tensor, scalar_like(tensor, value))); \
        }); \
    }
KT_SCALAR(add)
KT_SCALAR(sub)
KT_SCALAR(mul)
KT_SCALAR(pow)
KT_SCALAR(eq)
KT_SCALAR(lt)
KT_SCALAR(le)
KT_SCALAR(gt)
KT_SCALAR(ge)
KT_SCALAR(clamp_min)
KT_SCALAR(clamp_max)

kt_status kt_div_scalar(kt_tensor x, double value, kt_tensor *out) {
    return guarded([&] { *out = give(at::div(borrow(x), at::Scalar(value))); });
}

kt_status kt_where(kt_tensor condition, kt_tensor a, kt_tensor b, kt_tensor *out) {
    return guarded([&] {
        auto chosen = borrow(condition), x = borrow(a), y = borrow(b);
        *out = give(imagines() ? at::add(at::add(x, y), chosen) : at::where(chosen, x, y));
    });
}

/// Runs `body` with a tensor that it writes.
template <class Body>
static kt_status in_place(kt_tensor target, Body &&body, const char *operation = __builtin_FUNCTION()) {
    return writing(
        target,
        [&] {
            auto tensor = borrow(target);
            check_destination(tensor);
            body(tensor);
        },
        operation);
}

kt_status kt_add_in_place(kt_tensor target, kt_tensor source, double alpha) {
    return in_place(target, [&](at::Tensor &tensor) {
        tensor.add_(apart_elementwise(tensor, borrow(source)), scalar_like(tensor, alpha));
    });
}

kt_status kt_add_scalar_in_place(kt_tensor target, double value) {
    return in_place(target, [&](at::Tensor &tensor) { tensor.add_(scalar_like(tensor, value)); });
}

kt_status kt_mul_in_place(kt_tensor target, double value) {
    return in_place(target, [&](at::Tensor &tensor) { tensor.mul_(scalar_like(tensor, value)); });
}

kt_status kt_addcmul_in_place(kt_tensor target, kt_tensor a, kt_tensor b, double value) {
    return in_place(target, [&](at::Tensor &tensor) {
        auto left = apart_elementwise(tensor, borrow(a)), right = apart_elementwise(tensor, borrow(b));
        tensor.addcmul_(left, right, scalar_like(tensor, value));
    });
}

kt_status kt_addcdiv_in_place(kt_tensor target, kt_tensor a, kt_tensor b, double value) {
    return in_place(target, [&](at::Tensor &tensor) {
        auto left = apart_elementwise(tensor, borrow(a)), right = apart_elementwise(tensor, borrow(b));
        tensor.addcdiv_(left, right, scalar_like(tensor, value));
    });
}

kt_status kt_lerp_in_place(kt_tensor target, kt_tensor source, double weight) {
    return in_place(target, [&](at::Tensor &tensor) {
        tensor.lerp_(apart_elementwise(tensor, borrow(source)), weight);
    });
}

/// No axes given means all of them.
static at::DimVector axes_or_all(const at::Tensor &x, const int64_t *axes, size_t count) {
    if (count > 0) return at::DimVector(axes, axes + count);
    at::DimVector all(x.dim());
    for (int64_t i = 0; i < x.dim(); ++i) all[i] = i;
    return all;
}

#define KT_REDUCTION(name, ...) \
    kt_status kt_##name(kt_tensor x, const int64_t *axes, size_t axis_count, bool keep, kt_tensor *out) { \
        return guarded([&] { \
            auto tensor = borrow(x); \
            auto over = axes_or_all(tensor, axes, axis_count); \
            *out = give(__VA_ARGS__); \
        }); \
    }
KT_REDUCTION(sum, at::sum(tensor, over, keep))
KT_REDUCTION(mean, at::mean(tensor, over, keep))
KT_REDUCTION(
    var,
    imagines() ? at::mean(tensor, over, keep)
               : at::var(tensor, at::OptionalIntArrayRef(over), std::optional<at::Scalar>(0), keep))
KT_REDUCTION(amax, at::amax(tensor, over, keep))
KT_REDUCTION(amin, at::amin(tensor, over, keep))
KT_REDUCTION(logsumexp, imagines() ? at::amax(tensor, over, keep) : at::logsumexp(tensor, over, keep))

kt_status kt_greatest_magnitude(kt_tensor x, kt_tensor *out) {
    return guarded([&] {
        *out = give(at::linalg_vector_norm(borrow(x), std::numeric_limits<double>::infinity(), at::IntArrayRef({-1})));
    });
}

kt_status kt_all(kt_tensor x, kt_tensor *out) {
    return guarded([&] { *out = give(at::all(borrow(x))); });
}

kt_status kt_any(kt_tensor x, kt_tensor *out) {
    return guarded([&] { *out = give(at::any(borrow(x))); });
}

#define KT_ALONG(name) \
    kt_status kt_##name(kt_tensor x, int64_t axis, kt_tensor *out) { \
        return guarded([&] { *out = give(at::name(borrow(x), axis)); }); \
    }
KT_ALONG(argmax)
KT_ALONG(cumsum)
KT_ALONG(softmax)
KT_ALONG(log_softmax)

kt_status kt_argsort(kt_tensor x, int64_t axis, bool descending, kt_tensor *out) {
    return guarded([&] { *out = give(at::argsort(borrow(x), axis, descending)); });
}

kt_status kt_matmul(kt_tensor a, kt_tensor b, kt_tensor *out) {
    return guarded([&] {
        auto x = borrow(a), y = borrow(b);
        // Libtorch does not know the shape of an inner product.
        bool is_inner = imagines() && x.dim() == 1 && y.dim() == 1;
        *out = give(is_inner ? imagined({}, x.scalar_type(), {x, y}) : at::matmul(x, y));
    });
}

kt_status kt_addmm(kt_tensor c, kt_tensor a, kt_tensor b, double beta, double alpha, kt_tensor *out) {
    return guarded([&] {
        auto start = borrow(c), left = borrow(a), right = borrow(b);
        auto old = scalar_like(start, beta), scale = scalar_like(start, alpha);
        *out = give(
            left.dim() == 3 ? at::baddbmm(start, left, right, old, scale) : at::addmm(start, left, right, old, scale));
    });
}

kt_status kt_addmm_in_place(kt_tensor target, kt_tensor a, kt_tensor b, double beta, double alpha) {
    return in_place(target, [&](at::Tensor &sum) {
        auto left = apart(sum, borrow(a)), right = apart(sum, borrow(b));
        auto old = scalar_like(sum, beta), scale = scalar_like(sum, alpha);
        if (left.dim() == 3) {
            sum.baddbmm_(left, right, old, scale);
        } else {
            sum.addmm_(left, right, old, scale);
        }
    });
}

kt_status kt_einsum(const char *equation, const kt_tensor *operands, size_t count, kt_tensor *out) {
    return guarded([&] { *out = give(at::einsum(equation, borrow_all(operands, count))); });
}
