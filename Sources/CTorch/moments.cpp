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

ct_status ct_line_products(
    ct_tensor images, int64_t groups, const ck_line_layout *layout, const ck_line_product *products,
    size_t product_count, ct_tensor out, int64_t register_bytes) {
    return writing(out, [&] {
        auto source = borrow(images), target = borrow(out);
        TORCH_CHECK(
            source.dim() >= 2 && target.dim() == 2 && target.size(0) == groups && groups > 0
                && source.size(1) % groups == 0 && target.is_contiguous() && !share_memory(target, source),
            "images [batch, groups * channels, ...] and results [groups, ...] in memory of their own were expected");
        check_kernel_destination(target, source);
        auto channels = source.size(1) / groups;
        for (size_t i = 0; i < product_count; ++i) {
            const auto &product = products[i];
            auto lines = int64_t(layout->line_count), end = product.slot + product.shift_count * channels * channels;
            TORCH_CHECK(
                product.left_line >= 0 && product.left_line + product.line_count <= lines && product.right_line >= 0
                    && product.right_line + product.line_count <= lines && product.column < layout->width
                    && layout->least_shift <= product.shift
                    && product.shift + product.shift_count - 1 <= layout->greatest_shift,
                "product ", i, " takes lines or pixels that the layout lacks");
            TORCH_CHECK(
                product.slot >= 0 && end <= target.size(1), "product ", i, " needs ", end, " results of ",
                target.size(1));
        }
        if (source.numel() == 0) return;
        ck_images places{
            source.const_data_ptr(), source.size(0), groups, channels, source.stride(0), source.stride(1)};
        run_kernel([&](auto resources) {
            return ck_line_products(
                resources, kernel_type(source), places, layout, products, product_count, target.mutable_data_ptr(),
                target.size(1));
        }, register_bytes);
    });
}

ct_status ct_assemble_blocks(
    ct_tensor target, ct_tensor results, int64_t channels, int64_t kernel_count, const ck_block_term *terms,
    size_t term_count, double beta, double alpha) {
    return writing(target, [&] {
        auto matrix = borrow(target), values = borrow(results);
        auto n = channels * kernel_count;
        TORCH_CHECK(
            matrix.dim() == 3 && matrix.size(1) == n && matrix.size(2) == n && values.dim() == 2
                && values.size(0) == matrix.size(0) && values.is_contiguous(),
            "a target [groups, ", n, ", ", n, "] and results of as many groups were expected");
        check_kernel_destination(matrix, values);
        for (size_t i = 0; i < term_count; ++i) {
            const auto &term = terms[i];
            auto end = term.slot + (channels - 1) * term.step + term.column + channels;
            TORCH_CHECK(
                0 <= term.left && term.left <= term.right && term.right < kernel_count && term.slot >= 0
                    && term.step >= 0 && term.column >= 0 && end <= values.size(1),
                "block (", term.left, ", ", term.right, ") needs ", end, " results of ", values.size(1));
        }
        if (matrix.numel() == 0) return;
        values = apart(matrix, values);
        run_kernel([&](auto resources) {
            return ck_assemble_blocks(
                resources, kernel_type(matrix), matrices(matrix), values.const_data_ptr(), values.size(1), kernel_count,
                terms, term_count, beta, alpha);
        });
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
