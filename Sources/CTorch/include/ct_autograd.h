#ifndef CT_AUTOGRAD_H
#define CT_AUTOGRAD_H

#include "ct_types.h"

CT_BEGIN

bool ct_requires_grad(ct_tensor tensor);
/// Whether no recorded operation produced the tensor.
bool ct_is_leaf(ct_tensor tensor);
ct_status ct_set_requires_grad(ct_tensor tensor, bool requires_grad);
ct_status ct_detach(ct_tensor tensor, ct_tensor *out);

/// Whether this thread records operations for differentiation.
bool ct_grad_mode(void);
void ct_set_grad_mode(bool enabled);

/// The gradients of `outputs`, weighted by `output_gradients` (null: ones), with respect to `inputs`.
///
/// `gradients` has room for `input_count` handles; one is null if an output does not depend on that input.
ct_status ct_gradients(
    const ct_tensor *outputs, size_t output_count, const ct_tensor *output_gradients,
    const ct_tensor *inputs, size_t input_count, bool keep_graph, bool create_graph,
    ct_tensor *gradients);

/// How often the graph that leads to `outputs` takes each of `tensors` in: the number of operations' operands that it
/// is, and one more if it is itself an output. Of a tensor that is no part of the graph 0.
ct_status ct_graph_uses(
    const ct_tensor *outputs, size_t output_count, const ct_tensor *tensors, size_t tensor_count, int64_t *counts);

/// The leaf of the graph whose memory a matrix is a view of, as it is or transposed.
///
/// `out` is null if there is none. `transposed` says whether the rows of one are the columns of the other.
ct_status ct_matrix_leaf(ct_tensor matrix, ct_tensor *out, bool *transposed);

CT_END

#endif
