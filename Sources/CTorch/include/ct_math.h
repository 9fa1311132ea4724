#ifndef CT_MATH_H
#define CT_MATH_H

#include "ct_types.h"

KT_BEGIN

// Element by element, one operand.
#define KT_UNARY(name) kt_status kt_##name(kt_tensor x, kt_tensor *out);
KT_UNARY(neg)
KT_UNARY(abs)
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
KT_UNARY(relu)
KT_UNARY(gelu)
KT_UNARY(silu)
KT_UNARY(softplus)
KT_UNARY(logical_not)
KT_UNARY(isfinite)
#undef KT_UNARY

// Element by element, two operands that broadcast.
#define KT_BINARY(name) kt_status kt_##name(kt_tensor a, kt_tensor b, kt_tensor *out);
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
KT_BINARY(logical_and)
KT_BINARY(logical_or)
#undef KT_BINARY

// Element by element with a number, which takes the tensor's type (and so must be whole for integer tensors);
// only `div` takes any number, as quotients of integers have the type float32.
#define KT_SCALAR(name) kt_status kt_##name##_scalar(kt_tensor x, double value, kt_tensor *out);
KT_SCALAR(add)
KT_SCALAR(sub)
KT_SCALAR(mul)
KT_SCALAR(div)
KT_SCALAR(pow)
KT_SCALAR(eq)
KT_SCALAR(lt)
KT_SCALAR(le)
KT_SCALAR(gt)
KT_SCALAR(ge)
KT_SCALAR(clamp_min)
KT_SCALAR(clamp_max)
#undef KT_SCALAR

kt_status kt_where(kt_tensor condition, kt_tensor a, kt_tensor b, kt_tensor *out);

// In place: target <- target + alpha * source; target <- value * target; target <- target + value * (a * b);
// target <- target + value * (a / b); target <- target + weight * (source - target).
kt_status kt_add_in_place(kt_tensor target, kt_tensor source, double alpha);
kt_status kt_add_scalar_in_place(kt_tensor target, double value);
kt_status kt_mul_in_place(kt_tensor target, double value);
kt_status kt_addcmul_in_place(kt_tensor target, kt_tensor a, kt_tensor b, double value);
kt_status kt_addcdiv_in_place(kt_tensor target, kt_tensor a, kt_tensor b, double value);
kt_status kt_lerp_in_place(kt_tensor target, kt_tensor source, double weight);

// Reductions over `axes`; over all of them when `axis_count` is 0.
kt_status kt_sum(kt_tensor x, const int64_t *axes, size_t axis_count, bool keep, kt_tensor *out);
kt_status kt_mean(kt_tensor x, const int64_t *axes, size_t axis_count, bool keep, kt_tensor *out);
kt_status kt_var(kt_tensor x, const int64_t *axes, size_t axis_count, bool keep, kt_tensor *out);
kt_status kt_amax(kt_tensor x, const int64_t *axes, size_t axis_count, bool keep, kt_tensor *out);
kt_status kt_amin(kt_tensor x, const int64_t *axes, size_t axis_count, bool keep, kt_tensor *out);
kt_status kt_logsumexp(kt_tensor x, const int64_t *axes, size_t axis_count, bool keep, kt_tensor *out);
/// The greatest magnitude along the last axis, which goes.
kt_status kt_greatest_magnitude(kt_tensor x, kt_tensor *out);
kt_status kt_all(kt_tensor x, kt_tensor *out);
kt_status kt_any(kt_tensor x, kt_tensor *out);
kt_status kt_argmax(kt_tensor x, int64_t axis, kt_tensor *out);
kt_status kt_argsort(kt_tensor x, int64_t axis, bool descending, kt_tensor *out);
kt_status kt_cumsum(kt_tensor x, int64_t axis, kt_tensor *out);
kt_status kt_softmax(kt_tensor x, int64_t axis, kt_tensor *out);
kt_status kt_log_softmax(kt_tensor x, int64_t axis, kt_tensor *out);

// The sum of the products of the elements of two tensors of one shape, in double precision; a constant.
kt_status kt_inner_product(kt_tensor a, kt_tensor b, kt_tensor *out);

// Products. `kt_addmm_in_place`: target <- beta * target + alpha * a * b (2-D, or 3-D for the batched form).
kt_status kt_matmul(kt_tensor a, kt_tensor b, kt_tensor *out);
kt_status kt_addmm(kt_tensor c, kt_tensor a, kt_tensor b, double beta, double alpha, kt_tensor *out);
kt_status kt_addmm_in_place(kt_tensor target, kt_tensor a, kt_tensor b, double beta, double alpha);
kt_status kt_einsum(const char *equation, const kt_tensor *operands, size_t count, kt_tensor *out);

KT_END

#endif
