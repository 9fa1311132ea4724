#include "include/ct_autograd.h"
#include "aten_autograd.h"
#include "support.h"

using namespace ct;

bool kt_requires_grad(kt_tensor tensor) { return borrow(tensor).requires_grad(); }

kt_status kt_set_requires_grad(kt_tensor tensor, bool requires_grad) {
    return guarded([&] { borrow(tensor).requires_grad_(requires_grad); });
}

kt_status kt_detach(kt_tensor tensor, kt_tensor *out) {
    return guarded([&] { *out = give(borrow(tensor).detach()); });
}

bool kt_grad_mode(void) { return at::GradMode::is_enabled(); }
void kt_set_grad_mode(bool enabled) { at::GradMode::set_enabled(enabled); }

kt_status kt_gradients(
    const kt_tensor *outputs, size_t output_count, const kt_tensor *output_gradients,
    const kt_tensor *inputs, size_t input_count, bool keep_graph, bool create_graph,
    kt_tensor *gradients) {
    return guarded([&] {
        auto weights =
            output_gradients ? borrow_all(output_gradients, output_count) : std::vector<at::Tensor>();
        auto results = torch::autograd::grad(
            borrow_all(outputs, output_count), borrow_all(inputs, input_count), weights, keep_graph, create_graph,
            /*allow_unused=*/true);
        for (size_t i = 0; i < input_count; ++i) {
            // libtorch has zeros without memory, which only its own operations can read.
            if (results[i].defined() && results[i]._is_zerotensor()) results[i] = results[i].clone();
            gradients[i] = results[i].defined() ? give(results[i]) : nullptr;
        }
    });
}
