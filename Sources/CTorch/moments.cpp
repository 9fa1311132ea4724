#include "include/ct_moments.h"
#include "aten_tensor.h"
#include "kernels.h"
#include "memory.h"
#include "support.h"

using namespace ct;

/// A tensor [count, n, n] as the destination of a kernel.
static ck_matrices matrices(at::Tensor &tensor) {
    auto n = tensor.size(1);
    // A matrix of one row may have any step to the next.
    return {tensor.mutable_data_ptr(), tensor.size(0), n, tensor.stride(0), std::max(tensor.stride(1), n)};
}

bool ct_has_moments(void) { return ck_has_library(); }

ct_status ct_product_rate(int64_t rows, int64_t columns, int64_t depth, double *flops_per_second) {
    return guarded([&] {
        run_kernel([&](auto resources) { return ck_product_rate(resources, rows, columns, depth, flops_per_second); });
    });
}

ct_status ct_symmetric_product(ct_tensor target, ct_tensor vectors, double beta, double alpha, int64_t register_bytes) {
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
        ck_vectors places{
            source.const_data_ptr(), source.size(0), source.size(2), source.stride(0), source.stride(1),
            source.stride(2)};
        run_kernel([&](auto resources) {
            return ck_symmetric_product(resources, kernel_type(matrix), matrices(matrix), places, beta, alpha);
        }, register_bytes);
    });
}

/// Checks that a plan takes no lines, pixels or results but those that it has.
static void check_plan(const ck_patch_plan &plan, int64_t channels) {
    const auto &layout = plan.layout;
    auto lines = int64_t(layout.line_count);
    for (size_t i = 0; i < plan.product_count; ++i) {
        const auto &product = plan.products[i];
        auto end = product.slot + product.shift_count * channels * channels;
        TORCH_CHECK(
            product.left_line >= 0 && product.left_line + product.line_count <= lines && product.right_line >= 0
                && product.right_line + product.line_count <= lines && product.column < layout.width
                && layout.least_shift <= product.shift
                && product.shift + product.shift_count - 1 <= layout.greatest_shift,
            "product ", i, " takes lines or pixels that the layout lacks");
        TORCH_CHECK(
            product.slot >= 0 && end <= plan.result_count, "product ", i, " needs ", end, " results of ",
            plan.result_count);
    }
    for (size_t i = 0; i < plan.term_count; ++i) {
        const auto &term = plan.terms[i];
        auto end = term.slot + (channels - 1) * term.step + term.column + channels;
        TORCH_CHECK(
            0 <= term.left && term.left <= term.right && term.right < plan.kernel_count && term.slot >= 0
                && term.step >= 0 && term.column >= 0 && end <= plan.result_count,
            "block (", term.left, ", ", term.right, ") needs ", end, " results of ", plan.result_count);
    }
}

ct_status ct_patch_moments(
    ct_tensor target, ct_tensor images, const ck_patch_plan *plan, double beta, double alpha, int64_t register_bytes) {
    return writing(target, [&] {
        auto matrix = borrow(target), source = borrow(images);
        TORCH_CHECK(
            matrix.dim() == 3 && matrix.size(0) > 0 && matrix.size(1) == matrix.size(2) && source.dim() >= 2
                && source.size(1) % matrix.size(0) == 0
                && matrix.size(1) == source.size(1) / matrix.size(0) * plan->kernel_count,
            "images [batch, groups * channels, ...] and a target [groups, n, n] of n = channels * ", plan->kernel_count,
            " were expected");
        check_kernel_destination(matrix, source);
        auto groups = matrix.size(0), channels = source.size(1) / groups;
        check_plan(*plan, channels);
        if (matrix.numel() == 0) return;
        if (source.numel() == 0) {
            // No patches. Zero times what is not a number would not be zero.
            beta == 0 ? matrix.zero_() : matrix.mul_(beta);
            return;
        }
        source = apart(matrix, source);
        ck_images places{
            source.const_data_ptr(), source.size(0), groups, channels, source.stride(0), source.stride(1)};
        run_kernel([&](auto resources) {
            return ck_patch_moments(
                resources, kernel_type(source), places, plan, matrices(matrix), beta, alpha);
        }, register_bytes);
    });
}

ct_status ct_damped_inverse(ct_tensor matrix, double damping, ct_tensor *out) {
    return guarded([&] {
        auto source = borrow(matrix);
        if (imagines()) {
            *out = give(source.clone());
            return;
        }
        auto batch = source.dim() == 2 ? source.unsqueeze(0) : source;
        auto type = kernel_type(batch);
        auto count = batch.size(0), n = batch.size(1);
        auto result = at::empty(batch.sizes(), source.options());
        auto matrices = batch.contiguous();
        std::vector<int64_t> failures(count);
        run_kernel([&](auto resources) {
            return ck_invert(
                resources, type, matrices.const_data_ptr(), damping, result.mutable_data_ptr(), count, n,
                failures.data());
        });
        for (int64_t i = 0; i < count; ++i)
            TORCH_CHECK_LINALG(
                failures[i] == 0, count > 1 ? "matrix " + std::to_string(i) : "the matrix",
                " is not positive-definite: its leading minor of order ", failures[i], " is not");
        *out = give(source.dim() == 2 ? result.squeeze(0) : result);
    });
}

ct_status ct_damped_cholesky(ct_tensor matrix, double damping, ct_tensor *out) {
    return guarded([&] {
        auto source = borrow(matrix);
        if (imagines()) {
            *out = give(source.clone());
            return;
        }
        auto matrix = source.contiguous(), factor = at::empty_like(matrix);
        int64_t failure = 0;
        run_kernel([&](auto resources) {
            return ck_factorize(
                resources, kernel_type(matrix), matrix.const_data_ptr(), damping, factor.mutable_data_ptr(),
                matrix.size(0), &failure);
        });
        TORCH_CHECK_LINALG(
            failure == 0, "the matrix is not positive-definite: its leading minor of order ", failure, " is not");
        *out = give(factor);
    });
}
