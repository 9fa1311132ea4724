#include "include/ct_autograd.h"
#include "aten_autograd.h"
#include "support.h"

#include <algorithm>
#include <string_view>
#include <typeindex>
#include <unordered_map>
#include <unordered_set>

using namespace ct;

template <class... Nodes> static std::unordered_set<std::type_index> types() { return {typeid(Nodes)...}; }

/// Whether an operation gives its one operand in another form, without computing anything.
static bool is_view(const torch::autograd::Node &node) {
    using namespace torch::autograd::generated;
    static const auto views = types<
        AliasBackward0, AsStridedBackward0, CloneBackward0, DiagonalBackward0, ExpandBackward0, PermuteBackward0,
        ReshapeAliasBackward0, SelectBackward0, SliceBackward0, SqueezeBackward0, SqueezeBackward1, SqueezeBackward2,
        SqueezeBackward3, SqueezeBackward4, SqueezeBackward5, TBackward0, TBackward1, TransposeBackward0,
        TransposeBackward1, UnfoldBackward0, UnsafeViewBackward0, UnsqueezeBackward0, UnsqueezeBackward1,
        ViewBackward0>();
    return views.contains(typeid(node));
}

bool ct_requires_grad(ct_tensor tensor) { return borrow_real(tensor).requires_grad(); }

bool ct_is_leaf(ct_tensor tensor) { return borrow_real(tensor).is_leaf(); }

ct_status ct_set_requires_grad(ct_tensor tensor, bool requires_grad) {
    return guarded([&] { borrow_real(tensor).requires_grad_(requires_grad); });
}

ct_status ct_detach(ct_tensor tensor, ct_tensor *out) {
    return guarded([&] { *out = give(borrow(tensor).detach()); });
}

bool ct_grad_mode(void) { return at::GradMode::is_enabled(); }
void ct_set_grad_mode(bool enabled) { at::GradMode::set_enabled(enabled); }

/// Runs a differentiation, and tells of graphs that cannot be differentiated by what a caller can do about it.
template <class Body> static void differentiating(Body &&body) {
    try {
        body();
    } catch (const c10::Error &error) {
        std::string_view message(error.what_without_backtrace());
        TORCH_CHECK(
            !message.starts_with(torch::autograd::ERR_BACKWARD_TWICE),
            "an earlier differentiation has freed the graph: let it keep the graph by keepingGraph");
        TORCH_CHECK(
            message.find("modified by an inplace operation") == message.npos,
            "a tensor that the derivative needs has been written since the operation that used it: write into a copy");
        throw;
    }
}

ct_status ct_gradients(
    const ct_tensor *outputs, size_t output_count, const ct_tensor *output_gradients,
    const ct_tensor *inputs, size_t input_count, bool keep_graph, bool create_graph,
    ct_tensor *gradients) {
    return guarded([&] {
        if (imagines()) {
            for (size_t i = 0; i < input_count; ++i)
                gradients[i] = give(borrow(inputs[i]).detach().requires_grad_(create_graph));
            return;
        }
        auto weights =
            output_gradients ? borrow_all(output_gradients, output_count) : std::vector<at::Tensor>();
        std::vector<at::Tensor> results;
        differentiating([&] {
            results = torch::autograd::grad(
                borrow_all(outputs, output_count), borrow_all(inputs, input_count), weights, keep_graph, create_graph,
                /*allow_unused=*/true);
        });
        for (size_t i = 0; i < input_count; ++i) {
            // libtorch has zeros without memory, which only its own operations can read.
            if (results[i].defined() && results[i]._is_zerotensor()) results[i] = results[i].clone();
            gradients[i] = results[i].defined() ? give(results[i]) : nullptr;
        }
    });
}

ct_status ct_matrix_leaf(ct_tensor matrix, ct_tensor *out, bool *transposed) {
    return guarded([&] {
        *out = nullptr;
        *transposed = false;
        if (imagines()) return;
        auto view = borrow(matrix);
        if (view.dim() != 2) return;
        if (view.is_leaf()) {
            *out = give(view);
            return;
        }
        if (!view.is_view()) return;
        auto leaf = view._base();
        if (!leaf.is_leaf() || leaf.dim() != 2 || leaf.storage_offset() != view.storage_offset()) return;
        auto is = [&](int64_t first, int64_t second) {
            return view.size(0) == leaf.size(first) && view.size(1) == leaf.size(second)
                && view.stride(0) == leaf.stride(first) && view.stride(1) == leaf.stride(second);
        };
        *transposed = is(1, 0);
        if (*transposed || is(0, 1)) *out = give(at::Tensor(leaf));
    });
}

ct_status ct_graph_uses(
    const ct_tensor *outputs, size_t output_count, const ct_tensor *tensors, size_t tensor_count, int64_t *counts) {
    using torch::autograd::Node;
    return guarded([&] {
        std::fill_n(counts, tensor_count, 0);
        if (imagines()) return;
        // An operand is known by the node that made it and the number of the result there.
        std::unordered_map<const Node *, std::vector<int64_t>> uses;
        std::vector<const Node *> open;
        std::unordered_set<const Node *> seen;
        auto use = [&](torch::autograd::Edge edge) {
            while (edge.is_valid()) {
                auto node = edge.function.get();
                auto &own = uses[node];
                if (own.size() <= edge.input_nr) own.resize(edge.input_nr + 1);
                ++own[edge.input_nr];
                if (!is_view(*node)) {
                    if (seen.insert(node).second) open.push_back(node);
                    return;
                }
                // Who takes a view in takes in what it is a view of.
                edge = node->next_edge(0);
            }
        };
        auto edge = [](const at::Tensor &tensor) { return torch::autograd::impl::gradient_edge(tensor); };
        // A leaf has a node only for as long as somebody holds it.
        std::vector<torch::autograd::Edge> held;
        for (const auto &output : borrow_all(outputs, output_count))
            if (output.requires_grad()) held.push_back(edge(output));
        for (const auto &output : held) use(output);
        while (!open.empty()) {
            auto node = open.back();
            open.pop_back();
            for (const auto &next : node->next_edges()) use(next);
        }
        for (size_t i = 0; i < tensor_count; ++i) {
            auto tensor = borrow(tensors[i]);
            if (!tensor.requires_grad()) continue;
            auto own = edge(tensor);
            auto found = uses.find(own.function.get());
            if (found != uses.end() && own.input_nr < found->second.size()) counts[i] = found->second[own.input_nr];
        }
    });
}
