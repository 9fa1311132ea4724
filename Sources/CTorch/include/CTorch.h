/// libtorch behind a plain C interface: everything the Swift module `Torch` calls, and nothing else.
///
/// Rules that hold for every function:
/// - **Ownership.** A `ct_tensor` or `ct_generator` that comes out carries one reference (+1), which the caller gives
///   back with the matching `_release`. Handles that go in are borrowed: the callee keeps a reference of its own where
///   it needs one beyond the call. The caller keeps its handles alive until the call returns.
/// - **Errors.** No C++ exception leaves a function. A status other than `CT_OK` says that nothing was written to the
///   out-parameters; `ct_last_error()` then holds the message until the same thread's next failing call.
/// - **Threads.** Handles may be shared; two calls must not write to one tensor at the same time.
#ifndef CTORCH_H
#define CTORCH_H

#include "ct_types.h"

#include "ct_autograd.h"
#include "ct_indexing.h"
#include "ct_linalg.h"
#include "ct_math.h"
#include "ct_memory.h"
#include "ct_moments.h"
#include "ct_nn.h"
#include "ct_random.h"
#include "ct_runtime.h"
#include "ct_tensor.h"

#endif
