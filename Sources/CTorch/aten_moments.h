// What the second moments need of libtorch beside its tensors.
#ifndef CT_ATEN_MOMENTS_H
#define CT_ATEN_MOMENTS_H

#pragma GCC system_header
#include <ATen/Dispatch.h>

#endif
