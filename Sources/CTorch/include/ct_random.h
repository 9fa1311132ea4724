#ifndef CT_RANDOM_H
#define CT_RANDOM_H

#include "ct_types.h"

KT_BEGIN

kt_status kt_generator_create(kt_device device, uint64_t seed, kt_generator *out);
kt_status kt_generator_clone(kt_generator generator, kt_generator *out);
void kt_generator_release(kt_generator generator);
/// The state as a tensor of bytes.
kt_status kt_generator_state(kt_generator generator, kt_tensor *out);
kt_status kt_generator_set_state(kt_generator generator, kt_tensor state);

kt_status kt_uniform(
    kt_generator generator, const int64_t *shape, size_t rank, double low, double high, kt_dtype dtype, kt_tensor *out);
kt_status kt_normal(
    kt_generator generator, const int64_t *shape, size_t rank, double mean, double deviation, kt_dtype dtype,
    kt_tensor *out);
kt_status kt_random_integers(
    kt_generator generator, const int64_t *shape, size_t rank, int64_t low, int64_t high, kt_tensor *out);
kt_status kt_permutation(kt_generator generator, int64_t count, kt_tensor *out);
kt_status kt_bernoulli(kt_generator generator, kt_tensor probabilities, kt_tensor *out);
kt_status kt_multinomial(kt_generator generator, kt_tensor probabilities, int64_t draws, kt_tensor *out);

KT_END

#endif
