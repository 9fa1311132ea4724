// Running out of memory: see `ct_open_memory_scope`.
#ifndef CT_MEMORY_SCOPE_H
#define CT_MEMORY_SCOPE_H

#include "include/ct_types.h"
#include "libtorch.h"

#include <cstdint>
#include <cstdlib>
#include <string>

namespace ct {

/// A stretch of one thread's calls in which running out of memory is noted.
///
/// After the first such failure, operations compute no numbers any more: their results, of libtorch's device "meta",
/// have shapes and types but no memory, and nothing that exists is written.
struct MemoryScope {
    MemoryScope *outer = nullptr;
    bool has_failed = false;
    /// Whether the shapes of operands are being noted.
    bool notes_operands = false;
    /// Whether a tensor that is being differentiated, a parameter, was written before.
    bool has_written = false;
    uint64_t bytes = 0;
    std::string operation, operands, reason;
    /// Memory for what working out shapes takes.
    void *reserve = nullptr;
    /// Where results would have been.
    c10::Device device = c10::Device(c10::kCPU);

    void release_reserve() noexcept {
        std::free(reserve);
        reserve = nullptr;
    }
};

struct MemoryState {
    MemoryScope *scope = nullptr;
    /// Whether operands are given without their memory.
    bool imagines = false;
};

/// Without a dynamic initialiser, so that reading it is a load.
inline constinit thread_local MemoryState memory_state;

/// Whether results are to have shapes only.
inline bool imagines() { return memory_state.imagines; }

/// Whether memory has run out in the calling thread's scope.
inline bool has_run_out() { return memory_state.scope && memory_state.scope->has_failed; }

/// Notes that the last call ran out of memory; false if there is no scope.
bool note_out_of_memory(const char *operation) noexcept;

/// Notes what the call that ran out of memory was to write.
void note_operand(ct_tensor target) noexcept;

/// Lets calls see shapes only while it lives.
struct Imagination {
    Imagination() { memory_state.imagines = true; }
    ~Imagination() { memory_state.imagines = false; }
};

/// A tensor without its memory.
at::Tensor imagined(const at::Tensor &tensor);

/// A tensor without memory, differentiable where one of the operands is.
at::Tensor imagined(at::IntArrayRef shape, at::ScalarType type, std::initializer_list<at::Tensor> operands = {});

} // namespace ct

#endif
