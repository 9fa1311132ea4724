// Tasks on the threads of libtorch.
#ifndef CT_TASKS_H
#define CT_TASKS_H

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>

namespace ct {

/// The number of threads that tasks run on; 1 within a task.
int64_t task_threads() noexcept;

/// Runs `body(context)` on some threads at once, this one among them; products within run on one thread each.
void run_on_threads(int64_t threads, void (*body)(void *), void *context);

/// Runs body(0), ..., body(count - 1), each next one where a thread is free; throws what one of them throws.
///
/// What a task computes may not depend on the thread or on the order: results are the same every time.
template <class Body> void for_each_task(int64_t count, Body &&body) {
    struct Tasks {
        std::atomic<int64_t> next{0};
        int64_t count;
        Body &body;
        std::atomic<bool> has_failed{false};
        std::exception_ptr failure{};
    } tasks{{}, count, body};
    run_on_threads(
        std::min(task_threads(), count),
        [](void *context) {
            auto &tasks = *static_cast<Tasks *>(context);
            try {
                for (int64_t i; (i = tasks.next++) < tasks.count;) tasks.body(i);
            } catch (...) {
                // An exception may not leave a thread.
                if (!tasks.has_failed.exchange(true)) tasks.failure = std::current_exception();
            }
        },
        &tasks);
    if (tasks.failure) std::rethrow_exception(tasks.failure);
}

} // namespace ct

#endif
