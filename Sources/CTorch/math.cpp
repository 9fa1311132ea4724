#include "include/ct_math.h"
#include "aten_math.h"
#include "kernels.h"
#include "memory.h"
#include "precision.h"
#include "support.h"

#include <limits>

using namespace ct;

#define CT_UNARY(name) \
    ct_status ct_##name(ct_tensor x, ct_tensor *out) { \
        return guarded([&] { *out = give(at::name(borrow(x))); }); \
    }
CT_UNARY(neg)
CT_UNARY(sign)
CT_UNARY(exp)
CT_UNARY(log)
CT_UNARY(log1p)
CT_UNARY(sqrt)
CT_UNARY(rsqrt)
CT_UNARY(square)
CT_UNARY(reciprocal)
CT_UNARY(sin)
CT_UNARY(cos)
CT_UNARY(erf)
CT_UNARY(floor)
CT_UNARY(round)
CT_UNARY(tanh)
CT_UNARY(sigmoid)
CT_UNARY(gelu)
CT_UNARY(silu)
CT_UNARY(softplus)

// Those that libtorch does not know the shapes of, beside others with the same.
#define CT_UNARY_LIKE(name, shape) \
    ct_status ct_##name(ct_tensor operand, ct_tensor *out) { \
        return guarded([&] { \
            auto x = borrow(operand); \
            *out = give(imagines() ? shape : at::name(x)); \
        }); \
    }
CT_UNARY_LIKE(abs, at::neg(x))
CT_UNARY_LIKE(relu, at::clamp_min(x, 0))
CT_UNARY_LIKE(logical_not, at::eq(x, x))
CT_UNARY_LIKE(isfinite, at::eq(x, x))

#define CT_BINARY(name) \
    ct_status ct_##name(ct_tensor a, ct_tensor b, ct_tensor *out) { \
        return guarded([&] { *out = give(at::name(borrow(a), borrow(b))); }); \
    }
CT_BINARY(add)
CT_BINARY(sub)
CT_BINARY(mul)
CT_BINARY(div)
CT_BINARY(pow)
CT_BINARY(maximum)
CT_BINARY(minimum)
CT_BINARY(eq)
CT_BINARY(ne)
CT_BINARY(lt)
CT_BINARY(le)
CT_BINARY(gt)
CT_BINARY(ge)

#define CT_LOGICAL(name) \
    ct_status ct_##name(ct_tensor a, ct_tensor b, ct_tensor *out) { \
        return guarded([&] { \
            auto x = borrow(a), y = borrow(b); \
            *out = give(imagines() ? at::eq(x, y) : at::name(x, y)); \
        }); \
    }
CT_LOGICAL(logical_and)
CT_LOGICAL(logical_or)

#define CT_SCALAR(name) \
    ct_status ct_##name##_scalar(ct_tensor x, double value, ct_tensor *out) { \
        return guarded([&] { \
            auto tensor = borrow(x); \
            *out = give(at::name(tensor, scalar_like(tensor, value))); \
        }); \
    }
CT_SCALAR(add)
CT_SCALAR(sub)
CT_SCALAR(mul)
CT_SCALAR(pow)
CT_SCALAR(eq)
CT_SCALAR(lt)
CT_SCALAR(le)
CT_SCALAR(gt)
CT_SCALAR(ge)
CT_SCALAR(clamp_min)
CT_SCALAR(clamp_max)

ct_status ct_div_scalar(ct_tensor x, double value, ct_tensor *out) {
    return guarded([&] { *out = give(at::div(borrow(x), at::Scalar(value))); });
}

ct_status ct_where(ct_tensor condition, ct_tensor a, ct_tensor b, ct_tensor *out) {
    return guarded([&] {
        auto chosen = borrow(condition), x = borrow(a), y = borrow(b);
        *out = give(imagines() ? at::add(at::add(x, y), chosen) : at::where(chosen, x, y));
    });
}

/// Runs `body` with a tensor that it writes.
template <class Body>
static ct_status in_place(ct_tensor target, Body &&body, const char *operation = __builtin_FUNCTION()) {
    return writing(
        target,
        [&] {
            auto tensor = borrow(target);
            check_destination(tensor);
            body(tensor);
        },
        operation);
}

ct_status ct_add_in_place(ct_tensor target, ct_tensor source, double alpha) {
    return in_place(target, [&](at::Tensor &tensor) {
        tensor.add_(apart_elementwise(tensor, borrow(source)), scalar_like(tensor, alpha));
    });
}

ct_status ct_add_scalar_in_place(ct_tensor target, double value) {
    return in_place(target, [&](at::Tensor &tensor) { tensor.add_(scalar_like(tensor, value)); });
}

ct_status ct_mul_in_place(ct_tensor target, double value) {
    return in_place(target, [&](at::Tensor &tensor) { tensor.mul_(scalar_like(tensor, value)); });
}

ct_status ct_addcmul_in_place(ct_tensor target, ct_tensor a, ct_tensor b, double value) {
    return in_place(target, [&](at::Tensor &tensor) {
        auto left = apart_elementwise(tensor, borrow(a)), right = apart_elementwise(tensor, borrow(b));
        tensor.addcmul_(left, right, scalar_like(tensor, value));
    });
}

ct_status ct_addcdiv_in_place(ct_tensor target, ct_tensor a, ct_tensor b, double value) {
    return in_place(target, [&](at::Tensor &tensor) {
        auto left = apart_elementwise(tensor, borrow(a)), right = apart_elementwise(tensor, borrow(b));
        tensor.addcdiv_(left, right, scalar_like(tensor, value));
    });
}

ct_status ct_lerp_in_place(ct_tensor target, ct_tensor source, double weight) {
    return in_place(target, [&](at::Tensor &tensor) {
        tensor.lerp_(apart_elementwise(tensor, borrow(source)), scalar_like(tensor, weight));
    });
}

/// No axes given means all of them.
static at::DimVector axes_or_all(const at::Tensor &x, const int64_t *axes, size_t count) {
    if (count > 0) return at::DimVector(axes, axes + count);
    at::DimVector all(x.dim());
    for (int64_t i = 0; i < x.dim(); ++i) all[i] = i;
    return all;
}

#define CT_REDUCTION(name, ...) \
    ct_status ct_##name(ct_tensor x, const int64_t *axes, size_t axis_count, bool keep, ct_tensor *out) { \
        return guarded([&] { \
            auto tensor = borrow(x); \
            auto over = axes_or_all(tensor, axes, axis_count); \
            *out = give(__VA_ARGS__); \
        }); \
    }
CT_REDUCTION(sum, at::sum(tensor, over, keep))
CT_REDUCTION(mean, at::mean(tensor, over, keep))
CT_REDUCTION(
    var,
    imagines() ? at::mean(tensor, over, keep)
               : at::var(tensor, at::OptionalIntArrayRef(over), std::optional<at::Scalar>(0), keep))
CT_REDUCTION(amax, at::amax(tensor, over, keep))
CT_REDUCTION(amin, at::amin(tensor, over, keep))
CT_REDUCTION(logsumexp, imagines() ? at::amax(tensor, over, keep) : at::logsumexp(tensor, over, keep))

ct_status ct_greatest_magnitude(ct_tensor x, ct_tensor *out) {
    return guarded([&] {
        *out = give(at::linalg_vector_norm(borrow(x), std::numeric_limits<double>::infinity(), at::IntArrayRef({-1})));
    });
}

ct_status ct_all(ct_tensor x, ct_tensor *out) {
    return guarded([&] { *out = give(at::all(borrow(x))); });
}

ct_status ct_any(ct_tensor x, ct_tensor *out) {
    return guarded([&] { *out = give(at::any(borrow(x))); });
}

#define CT_ALONG(name) \
    ct_status ct_##name(ct_tensor x, int64_t axis, ct_tensor *out) { \
        return guarded([&] { *out = give(at::name(borrow(x), axis)); }); \
    }
CT_ALONG(argmax)
CT_ALONG(cumsum)
CT_ALONG(softmax)
CT_ALONG(log_softmax)

ct_status ct_argsort(ct_tensor x, int64_t axis, bool descending, ct_tensor *out) {
    return guarded([&] { *out = give(at::argsort(borrow(x), axis, descending)); });
}

ct_status ct_inner_product(ct_tensor a, ct_tensor b, ct_tensor *out) {
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
        double sum = 0;
        run_kernel([&](auto resources) {
            return ck_inner_product(
                resources, x.const_data_ptr<float>(), y.const_data_ptr<float>(), x.numel(), &sum);
        });
        *out = give(at::scalar_tensor(sum, at::kDouble));
    });
}

ct_status ct_matmul(ct_tensor a, ct_tensor b, ct_tensor *out) {
    return guarded([&] {
        auto x = borrow(a), y = borrow(b);
        // Inner products are sums of numbers that somebody looks at, not layers.
        if (x.dim() > 1 && y.dim() > 1) {
            x = lowered(std::move(x));
            y = lowered(std::move(y));
        }
        // Libtorch does not know the shape of an inner product.
        bool is_inner = imagines() && x.dim() == 1 && y.dim() == 1;
        *out = give(is_inner ? imagined({}, x.scalar_type(), {x, y}) : at::matmul(x, y));
    });
}

ct_status ct_addmm(ct_tensor c, ct_tensor a, ct_tensor b, double beta, double alpha, ct_tensor *out) {
    return guarded([&] {
        auto start = borrow(c), left = borrow(a), right = borrow(b);
        auto old = scalar_like(start, beta), scale = scalar_like(start, alpha);
        *out = give(
            left.dim() == 3 ? at::baddbmm(start, left, right, old, scale) : at::addmm(start, left, right, old, scale));
    });
}

ct_status ct_addmm_in_place(ct_tensor target, ct_tensor a, ct_tensor b, double beta, double alpha) {
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

ct_status ct_einsum(const char *equation, const ct_tensor *operands, size_t count, ct_tensor *out) {
    return guarded([&] {
        auto tensors = borrow_all(operands, count);
        for (auto &tensor : tensors) tensor = lowered(std::move(tensor));
        *out = give(at::einsum(equation, tensors));
    });
}
