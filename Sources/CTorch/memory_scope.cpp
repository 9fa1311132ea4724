#include "memory_scope.h"
#include "aten_memory.h"
#include "include/ct_memory.h"
#include "support.h"

#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>

#if __has_include(<dnnl.hpp>)
#include "dnnl_errors.h"
#define CT_HAS_DNNL 1
#endif

namespace ct {
namespace {

/// Whether a message of libtorch, or of a library that it calls, is about memory; on the CPU its type does not tell.
bool is_about_memory(std::string_view message) {
    for (auto words : {"can't allocate memory", "not enough memory", "out of memory", "ALLOC_FAILED",
                       "HOST_ALLOCATION_FAILED", "cudaErrorMemoryAllocation", "Cannot allocate memory"})
        if (message.find(words) != message.npos) return true;
    return false;
}

/// The number of bytes that a message names; 0 where it names none.
uint64_t bytes_in(const std::string &message) {
    // "you tried to allocate 123 bytes", "Tried to allocate 2.00 GiB".
    auto place = message.find("ried to allocate ");
    if (place == message.npos) return 0;
    char *end = nullptr;
    auto number = std::strtod(message.c_str() + place + std::strlen("ried to allocate "), &end);
    std::string_view unit(end);
    auto factor = unit.starts_with(" KiB") ? 0x1p10 : unit.starts_with(" MiB") ? 0x1p20
        : unit.starts_with(" GiB") ? 0x1p30 : 1;
    return number > 0 && number < 0x1p62 ? uint64_t(number * factor) : 0;
}

/// The message for memory that ran out if libtorch says no more than that.
constexpr auto out_of_memory = "out of memory";

/// The status that a message is about.
ct_status fail_by(const char *message) noexcept {
    if (!is_about_memory(message)) return fail(CT_ERROR, message);
    // That of the allocator on the CPU is about its source code.
    auto is_of_cpu = std::string_view(message).find("DefaultCPUAllocator") != std::string_view::npos;
    auto words = std::strstr(message, "ou tried to allocate ");
    if (!is_of_cpu || !words) return fail(CT_OUT_OF_MEMORY, message);
    try {
        auto bytes = std::strtoull(words + std::strlen("ou tried to allocate "), nullptr, 10);
        return fail(CT_OUT_OF_MEMORY, c10::str(out_of_memory, ": tried to allocate ", bytes, " bytes").c_str());
    } catch (...) {
        return fail(CT_OUT_OF_MEMORY, out_of_memory);
    }
}

} // namespace

ct_status failure() noexcept {
    try {
        throw;
    } catch (const c10::LinAlgError &error) {
        return fail(CT_LINALG, error.what_without_backtrace());
    } catch (const c10::OutOfMemoryError &error) {
        return fail(CT_OUT_OF_MEMORY, error.what_without_backtrace());
    } catch (const c10::Error &error) {
        return fail_by(error.what_without_backtrace());
    } catch (const std::bad_alloc &) {
        return fail(CT_OUT_OF_MEMORY, out_of_memory);
#ifdef CT_HAS_DNNL
    } catch (const dnnl::error &error) {
        // A kernel whose code or scratch memory could not be had fails when it is made or run.
        auto is_of_memory = error.status == dnnl_out_of_memory || error.status == dnnl_runtime_error;
        return fail(is_of_memory ? CT_OUT_OF_MEMORY : CT_ERROR, error.what());
#endif
    } catch (const std::exception &error) {
        return fail_by(error.what());
    } catch (...) {
        return fail(CT_ERROR, "unknown C++ exception");
    }
}

bool note_out_of_memory(const char *operation) noexcept {
    auto scope = memory_state.scope;
    if (!scope) return false;
    scope->has_failed = true;
    scope->notes_operands = true;
    scope->release_reserve();
    try {
        scope->reason = ct_last_error();
        scope->bytes = bytes_in(scope->reason);
        std::string_view name(operation);
        scope->operation = name.starts_with("ct_") ? name.substr(3) : name;
    } catch (...) {
        // There is no memory to note it.
    }
    return true;
}

at::Tensor imagined(const at::Tensor &tensor) {
    auto scope = memory_state.scope;
    if (scope && scope->notes_operands) {
        // Gradients may be of very many.
        auto &text = scope->operands;
        if (text.size() < 80) {
            if (!text.empty()) text += ", ";
            text += c10::str(tensor.sizes());
        } else if (!text.ends_with("...")) {
            text += ", ...";
        }
    }
    if (scope && tensor.is_cuda()) scope->device = tensor.device();
    if (!tensor.defined() || tensor.is_meta()) return tensor;
    auto result = at::empty_strided(tensor.sizes(), tensor.strides(), tensor.options().device(c10::kMeta));
    if (tensor.requires_grad()) result.requires_grad_();
    return result;
}

at::Tensor imagined(at::IntArrayRef shape, at::ScalarType type, std::initializer_list<at::Tensor> operands) {
    auto result = at::empty(shape, at::TensorOptions().dtype(type).device(c10::kMeta));
    for (const auto &operand : operands)
        if (operand.requires_grad() && at::GradMode::is_enabled()) result.requires_grad_();
    return result;
}

void note_operand(ct_tensor target) noexcept {
    try {
        imagined(borrow_real(target));
    } catch (...) {
    }
    memory_state.scope->notes_operands = false;
}

namespace {

/// How many allocations of the calling thread are still to be given memory, and how many there were.
constinit thread_local int64_t allocations_left = INT64_MAX, allocation_count = 0;

/// The CPU's allocator, which fails when a test wants it to.
class FailingAllocator final : public c10::Allocator {
public:
    explicit FailingAllocator(c10::Allocator *allocator) : allocator(allocator) {}

    c10::DataPtr allocate(size_t bytes) override {
        ++allocation_count;
        // Shapes need the memory of a few numbers, which the scope has kept.
        TORCH_CHECK(
            allocations_left-- > 0 || imagines(), "DefaultCPUAllocator: can't allocate memory: you tried to allocate ", bytes,
            " bytes, in a test");
        return allocator->allocate(bytes);
    }
    c10::DeleterFnPtr raw_deleter() const override { return allocator->raw_deleter(); }
    void copy_data(void *target, const void *source, size_t count) const override {
        allocator->copy_data(target, source, count);
    }

private:
    c10::Allocator *const allocator;
};

} // namespace
} // namespace ct

using namespace ct;

struct ct_memory_scope_s : MemoryScope {};

ct_memory_scope ct_open_memory_scope(void) {
    auto scope = new (std::nothrow) ct_memory_scope_s;
    if (!scope) return nullptr;
    scope->reserve = std::malloc(1 << 16);
    scope->outer = memory_state.scope;
    if (scope->outer) {
        // Memory that has run out outside has run out inside.
        scope->has_failed = scope->outer->has_failed;
        scope->device = scope->outer->device;
    }
    memory_state.scope = scope;
    return scope;
}

void ct_close_memory_scope(ct_memory_scope scope, void *context, ct_memory_fault_visitor visit) {
    memory_state.scope = scope->outer;
    if (scope->has_failed) {
        const MemoryScope *cause = scope;
        while (cause->operation.empty() && cause->outer) cause = cause->outer;
        visit(
            context, cause->operation.c_str(), cause->operands.c_str(), cause->bytes, cause->reason.c_str(),
            cause->has_written);
    } else if (scope->outer) {
        scope->outer->has_written = scope->outer->has_written || scope->has_written;
    }
    scope->release_reserve();
    delete scope;
}

bool ct_memory_has_run_out(void) { return has_run_out(); }

bool ct_can_allocate(uint64_t bytes) {
    // The pages are never touched. Without `volatile`, the compiler would leave the call out.
    void *volatile memory = std::malloc(bytes);
    std::free(memory);
    return memory;
}

void ct_fail_allocations(int64_t after) {
    // Kept for good: tensors that outlive everything are freed by it.
    static const auto failing = [] {
        auto allocator = new FailingAllocator(c10::GetAllocator(c10::kCPU));
        c10::SetAllocator(c10::kCPU, allocator, /*priority=*/UINT8_MAX);
        return allocator;
    }();
    (void)failing;
    allocations_left = after;
    allocation_count = 0;
}

int64_t ct_end_failing_allocations(void) {
    allocations_left = INT64_MAX;
    return allocation_count;
}
