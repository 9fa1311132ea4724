// Matrix products on the CPU: by libtorch's library, or by the kernels where these are faster.
//
// On processors of other makers than its own, the library that libtorch's builds for x86 contain leaves half of the
// wide registers idle, and rows whose lengths are no multiple of theirs cost it more still. The kernels take the place
// of libtorch's operators themselves, so that all products gain: of models, of their derivatives, of the curvature.
#include "aten_products.h"
#include "include/ct_runtime.h"
#include "kernels.h"
#include "support.h"

#include <atomic>

using namespace ct;

namespace {

/// The kernels, where they have wide registers and the library's maker has not made the processor.
ct_product_source preferred_source() {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (ck_has_products(64) && !__builtin_cpu_is("intel")) return CT_PRODUCTS_OF_KERNELS;
#endif
    return CT_PRODUCTS_OF_LIBRARY;
}

std::atomic<ct_product_source> product_source{preferred_source()};
/// That of this thread alone; negative for none.
thread_local int32_t own_source = -1;

/// Whether a product is made by the kernel: it must be large in all directions, or copying the operands would cost more
/// than is gained.
bool is_for_kernel(const at::Tensor &left, const at::Tensor &right) {
    auto source = own_source < 0 ? product_source.load(std::memory_order_relaxed) : own_source;
    if (source != CT_PRODUCTS_OF_KERNELS) return false;
    auto fits = [&](const at::Tensor &tensor) {
        return tensor.dim() == 2 && tensor.layout() == at::kStrided && tensor.scalar_type() == left.scalar_type();
    };
    auto type = left.scalar_type();
    return (type == at::kFloat || type == at::kDouble) && fits(left) && fits(right) && left.size(1) == right.size(0)
        && left.size(0) >= 128 && right.size(1) >= 128 && left.size(1) >= 64 && !imagines();
}

ck_operand operand(const at::Tensor &matrix) { return {matrix.const_data_ptr(), matrix.stride(0), matrix.stride(1)}; }

at::Tensor product(const at::Tensor &left, const at::Tensor &right, const void *bias) {
    auto out = at::empty({left.size(0), right.size(1)}, left.options());
    run_kernel([&](auto resources) {
        return ck_product(
            resources, kernel_type(left), operand(left), operand(right), left.size(0), left.size(1), right.size(1), bias,
            out.mutable_data_ptr(), out.stride(0));
    });
    return out;
}

at::Tensor mm(const at::Tensor &left, const at::Tensor &right) {
    return is_for_kernel(left, right) ? product(left, right, nullptr) : at::cpu::mm(left, right);
}

at::Tensor addmm(
    const at::Tensor &added, const at::Tensor &left, const at::Tensor &right, const at::Scalar &beta,
    const at::Scalar &alpha) {
    // The sum that a layer with a bias is.
    bool is_layer = added.dim() == 1 && is_for_kernel(left, right) && added.size(0) == right.size(1)
        && added.scalar_type() == left.scalar_type() && added.stride(0) == 1 && beta.equal(1) && alpha.equal(1);
    return is_layer ? product(left, right, added.const_data_ptr()) : at::cpu::addmm(added, left, right, beta, alpha);
}

/// Replaces libtorch's operators for the whole process, so that all products have one source from the first one on;
/// the operators ask each time which that is.
const bool is_replaced = [] {
    // Libtorch tells each user of this documented way of it that there was an operator already.
    struct Silent : c10::WarningHandler {
        void process(const c10::Warning &) override {}
    } silent;
    c10::WarningUtils::WarningHandlerGuard guard(&silent);
    // It lives as long as the process: operators are not put back while other threads may call them.
    static auto library = new torch::Library(torch::Library::IMPL, "aten", c10::DispatchKey::CPU, __FILE__, __LINE__);
    library->impl("mm", mm);
    library->impl("addmm", addmm);
    return true;
}();

} // namespace

ct_product_source ct_preferred_product_source(void) { return preferred_source(); }

ct_product_source ct_current_product_source(void) { return product_source; }

void ct_set_own_product_source(int32_t source) { own_source = source; }

bool ct_has_kernel_products(void) { return ck_has_products(64); }

ct_status ct_set_product_source(ct_product_source source) {
    return guarded([&] {
        TORCH_CHECK(
            source == CT_PRODUCTS_OF_LIBRARY || ck_has_products(64),
            "this processor has no registers that the kernels' products need");
        product_source = source;
    });
}
