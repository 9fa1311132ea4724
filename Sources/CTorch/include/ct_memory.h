#ifndef CT_MEMORY_H
#define CT_MEMORY_H

#include "ct_types.h"

CT_BEGIN

// Running out of memory. Inside of a scope, a call that runs out of memory succeeds nevertheless: it gives a tensor of
// the right shape and type that has no memory, and so do all calls of this thread from then on, which write nothing
// that exists. Reading such a tensor gives ones. Who closes the scope learns what happened.

typedef struct ct_memory_scope_s *ct_memory_scope;

/// Told of what ran out of memory: the operation, its operands, the bytes that it wanted (0 if that is not known),
/// the reason, and whether a parameter had been written in the scope before.
typedef void (*ct_memory_fault_visitor)(
    void *context, const char *operation, const char *operands, uint64_t bytes, const char *reason, bool has_written);

/// Opens a scope of the calling thread; scopes nest. Null if there is no memory even for that.
ct_memory_scope ct_open_memory_scope(void);
/// Closes the innermost scope; calls `visit` where memory ran out in it.
void ct_close_memory_scope(ct_memory_scope scope, void *context, ct_memory_fault_visitor visit);
/// Whether memory has run out in the innermost scope of the calling thread.
bool ct_memory_has_run_out(void);

/// Whether so many bytes can be allocated at this moment.
bool ct_can_allocate(uint64_t bytes);

/// For tests: lets the calling thread's allocations of tensors on the CPU fail after so many more.
void ct_fail_allocations(int64_t after);
/// For tests: ends that, and gives the number of allocations since, failed ones among them.
int64_t ct_end_failing_allocations(void);

CT_END

#endif
