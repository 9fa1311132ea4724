#include "include/ct_indexing.h"
#include "aten_indexing.h"
#include "support.h"

using namespace ct;

ct_status ct_reshape(ct_tensor x, const int64_t *shape, size_t rank, ct_tensor *out) {
    return guarded([&] { *out = give(at::reshape(borrow(x), list(shape, rank))); });
}

ct_status ct_permute(ct_tensor x, const int64_t *axes, size_t rank, ct_tensor *out) {
    return guarded([&] { *out = give(at::permute(borrow(x), list(axes, rank))); });
}

ct_status ct_transpose(ct_tensor x, int64_t axis0, int64_t axis1, ct_tensor *out) {
    return guarded([&] { *out = give(at::transpose(borrow(x), axis0, axis1)); });
}

ct_status ct_expand(ct_tensor x, const int64_t *shape, size_t rank, ct_tensor *out) {
    return guarded([&] { *out = give(borrow(x).expand(list(shape, rank))); });
}

ct_status ct_squeeze(ct_tensor x, int64_t axis, ct_tensor *out) {
    return guarded([&] { *out = give(at::squeeze(borrow(x), axis)); });
}

ct_status ct_unsqueeze(ct_tensor x, int64_t axis, ct_tensor *out) {
    return guarded([&] { *out = give(at::unsqueeze(borrow(x), axis)); });
}

ct_status ct_select(ct_tensor x, int64_t axis, int64_t index, ct_tensor *out) {
    return guarded([&] { *out = give(at::select(borrow(x), axis, index)); });
}

ct_status ct_slice(ct_tensor x, int64_t axis, int64_t start, int64_t end, int64_t step, ct_tensor *out) {
    return guarded([&] { *out = give(at::slice(borrow(x), axis, start, end, step)); });
}

ct_status ct_diagonal(ct_tensor x, ct_tensor *out) {
    return guarded([&] { *out = give(at::diagonal(borrow(x), 0, -2, -1)); });
}

ct_status ct_unfold_axis(ct_tensor x, int64_t axis, int64_t size, int64_t step, ct_tensor *out) {
    return guarded([&] { *out = give(borrow(x).unfold(axis, size, step)); });
}

ct_status ct_cat(const ct_tensor *tensors, size_t count, int64_t axis, ct_tensor *out) {
    return guarded([&] { *out = give(at::cat(borrow_all(tensors, count), axis)); });
}

ct_status ct_stack(const ct_tensor *tensors, size_t count, int64_t axis, ct_tensor *out) {
    return guarded([&] { *out = give(at::stack(borrow_all(tensors, count), axis)); });
}

ct_status ct_diag_embed(ct_tensor x, ct_tensor *out) {
    return guarded([&] { *out = give(at::diag_embed(borrow(x))); });
}

ct_status ct_tril(ct_tensor x, int64_t diagonal, ct_tensor *out) {
    return guarded([&] { *out = give(at::tril(borrow(x), diagonal)); });
}

ct_status ct_triu(ct_tensor x, int64_t diagonal, ct_tensor *out) {
    return guarded([&] { *out = give(at::triu(borrow(x), diagonal)); });
}

ct_status ct_flip(ct_tensor x, const int64_t *axes, size_t count, ct_tensor *out) {
    return guarded([&] {
        auto tensor = borrow(x);
        *out = give(imagines() ? tensor.clone() : at::flip(tensor, list(axes, count)));
    });
}

ct_status ct_index_select(ct_tensor x, int64_t axis, ct_tensor indices, ct_tensor *out) {
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

ct_status ct_index_add(ct_tensor x, int64_t axis, ct_tensor indices, ct_tensor source, ct_tensor *out) {
    return guarded([&] { *out = give(at::index_add(borrow(x), axis, borrow(indices), borrow(source))); });
}

ct_status ct_gather(ct_tensor x, int64_t axis, ct_tensor indices, ct_tensor *out) {
    return guarded([&] { *out = give(at::gather(borrow(x), axis, borrow(indices))); });
}

ct_status ct_one_hot(ct_tensor indices, int64_t classes, ct_tensor *out) {
    return guarded([&] { *out = give(at::one_hot(borrow(indices), classes)); });
}

ct_status ct_nonzero(ct_tensor x, ct_tensor *out) {
    return guarded([&] {
        auto tensor = borrow(x);
        // Without numbers, each may be one.
        *out = give(
            imagines() ? imagined({tensor.numel()}, at::kLong) : at::nonzero(at::flatten(tensor)).squeeze(1));
    });
}

ct_status ct_bincount(ct_tensor indices, int64_t minimum_length, ct_tensor *out) {
    return guarded([&] {
        auto numbers = borrow(indices);
        *out = give(imagines() ? imagined({minimum_length}, at::kLong) : at::bincount(numbers, {}, minimum_length));
    });
}

ct_status ct_pad(ct_tensor x, const int64_t *padding, size_t count, double value, ct_tensor *out) {
    return guarded([&] {
        auto tensor = borrow(x);
        *out = give(at::constant_pad_nd(tensor, list(padding, count), scalar_like(tensor, value)));
    });
}
