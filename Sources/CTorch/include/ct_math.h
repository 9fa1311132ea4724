#ifndef CT_MATH_H
#define CT_MATH_H

#include "ct_types.h"

CT_BEGIN

// Element by element, one operand.
#define CT_UNARY(name) ct_status ct_##name(ct_tensor x, ct_tensor *out);
CT_UNARY(neg)
CT_UNARY(abs)
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
CT_UNARY(relu)
CT_UNARY(gelu)
CT_UNARY(silu)
CT_UNARY(softplus)
CT_UNARY(logical_not)
CT_UNARY(isfinite)
#undef CT_UNARY

// Element by element, two operands that broadcast.
#define CT_BINARY(name) ct_status ct_##name(ct_tensor a, ct_tensor b, ct_tensor *out);
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
CT_BINARY(logical_and)
CT_BINARY(logical_or)
#undef CT_BINARY

// Element by element with a number, which takes the tensor's type (and so must be whole for integer tensors);
// only `div` takes any number, as quotients of integers have the type float32.
#define CT_SCALAR(name) ct_status ct_##name##_scalar(ct_tensor x, double value, ct_tensor *out);
CT_SCALAR(add)
CT_SCALAR(sub)
CT_SCALAR(mul)
CT_SCALAR(div)
CT_SCALAR(pow)
CT_SCALAR(eq)
CT_SCALAR(lt)
CT_SCALAR(le)
CT_SCALAR(gt)
CT_SCALAR(ge)
CT_SCALAR(clamp_min)
CT_SCALAR(clamp_max)
#undef CT_SCALAR

ct_status ct_where(ct_tensor condition, ct_tensor a, ct_tensor b, ct_tensor *out);

// In place: target <- target + alpha * source; target <- value * target; target <- target + value * (a * b);
// target <- target + value * (a / b); target <- target + weight * (source - target).
ct_status ct_add_in_place(ct_tensor target, ct_tensor source, double alpha);
ct_status ct_add_scalar_in_place(ct_tensor target, double value);
ct_status ct_mul_in_place(ct_tensor target, double value);
ct_status ct_addcmul_in_place(ct_tensor target, ct_tensor a, ct_tensor b, double value);
ct_status ct_addcdiv_in_place(ct_tensor target, ct_tensor a, ct_tensor b, double value);
ct_status ct_lerp_in_place(ct_tensor target, ct_tensor source, double weight);

// Reductions over `axes`; over all of them when `axis_count` is 0.
ct_status ct_sum(ct_tensor x, const int64_t *axes, size_t axis_count, bool keep, ct_tensor *out);
ct_status ct_mean(ct_tensor x, const int64_t *axes, size_t axis_count, bool keep, ct_tensor *out);
ct_status ct_var(ct_tensor x, const int64_t *axes, size_t axis_count, bool keep, ct_tensor *out);
ct_status ct_amax(ct_tensor x, const int64_t *axes, size_t axis_count, bool keep, ct_tensor *out);
ct_status ct_amin(ct_tensor x, const int64_t *axes, size_t axis_count, bool keep, ct_tensor *out);
ct_status ct_logsumexp(ct_tensor x, const int64_t *axes, size_t axis_count, bool keep, ct_tensor *out);
/// The greatest magnitude along the last axis, which goes.
ct_status ct_greatest_magnitude(ct_tensor x, ct_tensor *out);
ct_status ct_all(ct_tensor x, ct_tensor *out);
ct_status ct_any(ct_tensor x, ct_tensor *out);
ct_status ct_argmax(ct_tensor x, int64_t axis, ct_tensor *out);
ct_status ct_argsort(ct_tensor x, int64_t axis, bool descending, ct_tensor *out);
ct_status ct_cumsum(ct_tensor x, int64_t axis, ct_tensor *out);
ct_status ct_softmax(ct_tensor x, int64_t axis, ct_tensor *out);
ct_status ct_log_softmax(ct_tensor x, int64_t axis, ct_tensor *out);

// The sum of the products of the elements of two tensors of one shape, in double precision; a constant.
ct_status ct_inner_product(ct_tensor a, ct_tensor b, ct_tensor *out);

// Products. `ct_addmm_in_place`: target <- beta * target + alpha * a * b (2-D, or 3-D for the batched form).
ct_status ct_matmul(ct_tensor a, ct_tensor b, ct_tensor *out);
ct_status ct_addmm(ct_tensor c, ct_tensor a, ct_tensor b, double beta, double alpha, ct_tensor *out);
ct_status ct_addmm_in_place(ct_tensor target, ct_tensor a, ct_tensor b, double beta, double alpha);
ct_status ct_einsum(const char *equation, const ct_tensor *operands, size_t count, ct_tensor *out);

CT_END

#endif
