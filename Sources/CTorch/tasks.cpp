#include "tasks.h"
#include "aten_runtime.h"
#include "libtorch.h"

#include <dlfcn.h>

namespace ct {

// The entry point of a parallel region in GNU's OpenMP library, which LLVM's offers, too. It is called by name because
// libtorch's own `parallel_for` is a template that does nothing unless compiled by an OpenMP compiler for the very
// library that libtorch runs on. Its threads are those that libtorch's operators use.
using Parallel = void (*)(void (*)(void *), void *, unsigned, unsigned);
static const auto parallel = reinterpret_cast<Parallel>(dlsym(RTLD_DEFAULT, "GOMP_parallel"));

int64_t task_threads() noexcept { return !parallel || at::in_parallel_region() ? 1 : at::get_num_threads(); }

void run_on_threads(int64_t threads, void (*body)(void *), void *context) {
    if (threads > 1) {
        parallel(body, context, threads, 0);
    } else {
        body(context);
    }
}

} // namespace ct
