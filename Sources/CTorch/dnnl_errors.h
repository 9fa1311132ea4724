// The errors of oneDNN. Its own warnings are not ours to mend, hence the pragma.
#ifndef CT_DNNL_ERRORS_H
#define CT_DNNL_ERRORS_H

#pragma GCC system_header
#include <dnnl.hpp>

#endif
