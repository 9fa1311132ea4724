#include "include/ct_indexing.h"
#include "aten_indexing.h"
#include "support.h"

using namespace ct;

kt_status kt_reshape(kt_tensor x, const int64_t *shape, size_t rank, kt_tensor *out) {
    return guarded([&] { *out = give(at::reshape(borrow(x), list(shape, rank))); });
}

kt_status kt_permute(kt_tensor x, const int64_t *axes, size_t rank, kt_tensor *out) {
    return guarded([&] { *out = give(at::permute(borrow(x), list(axes, rank))); });
}

kt_status kt_transpose(kt_tensor x, int64_t axis0, int64_t axis1, kt_tensor *out) {
    return guarded([&] { *out = give(at::transpose(borrow(x), axis0, axis1)); });
}

kt_status kt_expand(kt_tensor x, const int64_t *shape, size_t rank, kt_tensor *out) {
    return guarded([&] { *out = give(borrow(x).expand(list(shape, rank))); });
}

kt_status kt_squeeze(kt_tensor x, int64_t axis, kt_tensor *out) {
    return guarded([&] { *out = give(at::squeeze(borrow(x), axis)); });
}

kt_status kt_unsqueeze(kt_tensor x, int64_t axis, kt_tensor *out) {
    return guarded([&] { *out = give(at::unsqueeze(borrow(x), axis)); });
}

kt_status kt_select(kt_tensor x, int64_t axis, int64_t index, kt_tensor *out) {
    return guarded([&] { *out = give(at::select(borrow(x), axis, index)); });
}

kt_status kt_slice(kt_tensor x, int64_t axis, int64_t start, int64_t end, int64_t step, kt_tensor *out) {
    return guarded([&] { *out = give(at::slice(borrow(x), axis, start, end, step)); });
}

kt_status kt_diagonal(kt_tensor x, kt_tensor *out) {
    return guarded([&] { *out = give(at::diagonal(borrow(x), 0, -2, -1)); });
}

kt_status kt_unfold_axis(kt_tensor x, int64_t axis, int64_t size, int64_t step, kt_tensor *out) {
    return guarded([&] { *out = give(borrow(x).unfold(axis, size, step)); });
}

kt_status kt_cat(const kt_tensor *tensors, size_t count, int64_t axis, kt_tensor *out) {
    return guarded([&] { *out = give(at::cat(borrow_all(tensors, count), axis)); });
}

kt_status kt_stack(const kt_tensor *tensors, size_t count, int64_t axis, kt_tensor *out) {
    return guarded([&] { *out = give(at::stack(borrow_all(tensors, count), axis)); });
}

kt_status kt_diag_embed(kt_tensor x, kt_tensor *out) {
    return guarded([&] { *out = give(at::diag_embed(borrow(x))); });
}

kt_status kt_tril(kt_tensor x, int64_t diagonal, kt_tensor *out) {
    return guarded([&] { *out = give(at::tril(borrow(x), diagonal)); });
}

kt_status kt_triu(kt_tensor x, int64_t diagonal, kt_tensor *out) {
    return guarded([&] { *out = give(at::triu(borrow(x), diagonal)); });
}

kt_status kt_flip(kt_tensor x, const int64_t *axes, size_t count, kt_tensor *out) {
    return guarded([&] {
        auto tensor = borrow(x);
        *out = give(imagines() ? tensor.clone() : at::flip(tensor, list(axes, count)));
    });
}

kt_status kt_index_select(kt_tensor x, int64_t axis, kt_tensor indices, kt_tensor *out) {
    return guarded([&] {
        auto tensor = borrow(x), positions = borrow(indices);
        if (imagines()) {
            auto shape = tensor.sizes().vec();
            shape.at(axis < 0 ? axis + tensor.dim() : axis) = positions.numel();
            *out = give(imagined(shape, tensor.scalar_type(), {tensor}));
            return;
        }
        *out = give(at::index_select(tensor, axis, positions));
    });
}

kt_status kt_index_add(kt_tensor x, int64_t axis, kt_tensor indices, kt_tensor source, kt_tensor *out) {
    return guarded([&] { *out = give(at::index_add(borrow(x), axis, borrow(indices), borrow(source))); });
}

kt_status kt_gather(kt_tensor x, int64_t axis, kt_tensor indices, kt_tensor *out) {
    return guarded([&] { *out = give(at::gather(borrow(x), axis, borrow(indices))); });
}

kt_status kt_one_hot(kt_tensor indices, int64_t classes, kt_tensor *out) {
    return guarded([&] { *out = give(at::one_hot(borrow(indices), classes)); });
}

kt_status kt_nonzero(kt_tensor x, kt_tensor *out) {
    return guarded([&] {
        auto tensor = borrow(x);
        // Without numbers, each may be one.
        *out = give(
            imagines() ? imagined({tensor.numel()}, at::kLong) : at::nonzero(at::flatten(tensor)).squeeze(1));
    });
}

kt_status kt_bincount(kt_tensor indices, int64_t minimum_length, kt_tensor *out) {
    return guarded([&] {
        auto numbers = borrow(indices);
        *out = give(imagines() ? imagined({minimum_length}, at::kLong) : at::bincount(numbers, {}, minimum_length));
    });
}

kt_status kt_pad(kt_tensor x, const int64_t *padding, size_t count, double value, kt_tensor *out) {
    return guarded([&] {
        auto tensor = borrow(x);
        *out = give(at::constant_pad_nd(tensor, list(padding, count), scalar_like(tensor, value)));
    });
}
