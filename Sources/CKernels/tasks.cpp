#include "tasks.h"
#include "library.h"

namespace ck {

// The entry point of a parallel region in GNU's OpenMP library, which LLVM's offers, too. Its threads are those that
// libtorch's operators use: two pools would take the cores from each other. It is looked up, because neither the
// compiler nor the linker can name it. Clang's own `#pragma omp` calls LLVM's entry points, which GNU's library lacks;
// libtorch's `parallel_for` is a template of that pragma; and libtorch brings its copy of the library under a file name
// that differs from release to release.
using Parallel = void (*)(void (*)(void *), void *, unsigned, unsigned);
static const auto parallel = symbol<Parallel>("GOMP_parallel");

bool has_threads() noexcept { return parallel; }

void run_on_threads(int64_t threads, void (*body)(void *), void *context) {
    if (threads > 1) {
        parallel(body, context, threads, 0);
    } else {
        body(context);
    }
}

} // namespace ck
