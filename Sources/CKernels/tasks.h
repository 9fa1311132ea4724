// The resources of kernels: tasks on threads, and working memory.
#ifndef CK_TASKS_H
#define CK_TASKS_H

#include "include/CKernels.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <exception>
#include <new>

namespace ck {

/// Whether `run_on_threads` knows how to start more than one.
bool has_threads() noexcept;

/// Runs `body(context)` on some threads at once, this one among them; products within run on one thread each.
void run_on_threads(int64_t threads, void (*body)(void *), void *context);

/// The resources of a call, or of a task of it, which has one thread.
struct Resources : ck_resources {
    explicit Resources(const ck_resources &given) : ck_resources(given) {
        threads = has_threads() ? std::max<int64_t>(1, threads) : 1;
    }

    /// Runs body(0), ..., body(count - 1), each next one where a thread is free; throws what one of them throws.
    ///
    /// The results of a task may not depend on the thread or on the order, so that they are the same every time.
    template <class Body> void for_each_task(int64_t count, Body &&body) const {
        struct Tasks {
            std::atomic<int64_t> next{0};
            int64_t count;
            Body &body;
            std::atomic<bool> has_failed{false};
            std::exception_ptr failure{};
        } tasks{{}, count, body};
        run_on_threads(
            std::min(threads, count),
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

    /// Runs body(group, resources) for each group: one after the other on all threads if there is one only, otherwise
    /// each as a task.
    template <class Body> void for_each_group(int64_t groups, Body &&body) const {
        if (groups == 1) {
            body(0, *this);
            return;
        }
        auto own = alone();
        for_each_task(groups, [&](int64_t group) { body(group, own); });
    }

    /// The resources of a task: the same memory, and one thread.
    Resources alone() const {
        auto result = *this;
        result.threads = 1;
        return result;
    }
};

/// Working memory, for as long as it lives; throws if there is none.
template <class T> class Memory {
public:
    Memory(const Resources &resources, int64_t count) : resources(resources) {
        if (count == 0) return;
        start = static_cast<T *>(resources.allocate(resources.context, count * sizeof(T)));
        if (!start) throw std::bad_alloc();
    }
    Memory(const Memory &) = delete;
    ~Memory() {
        if (start) resources.release(resources.context, start);
    }

    T *get() const { return start; }

private:
    const Resources &resources;
    T *start = nullptr;
};

/// Working memory of zeros, which the threads write together.
template <class T> struct Zeros : Memory<T> {
    Zeros(const Resources &resources, int64_t count) : Memory<T>(resources, count) {
        constexpr int64_t at_a_time = 1 << 16;
        resources.for_each_task((count + at_a_time - 1) / at_a_time, [&](int64_t i) {
            auto first = i * at_a_time;
            std::memset(this->get() + first, 0, std::min(at_a_time, count - first) * sizeof(T));
        });
    }
};

/// Runs `body` with an element of the type; false if memory ran out.
template <class Body> bool run(ck_type type, Body &&body) noexcept {
    try {
        type == CK_FLOAT32 ? body(float()) : body(double());
        return true;
    } catch (...) {
        return false;
    }
}

} // namespace ck

#endif
