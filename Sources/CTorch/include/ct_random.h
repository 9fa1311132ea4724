#ifndef CT_RANDOM_H
#define CT_RANDOM_H

#include "ct_types.h"

CT_BEGIN

ct_status ct_generator_create(ct_device device, uint64_t seed, ct_generator *out);
ct_status ct_generator_clone(ct_generator generator, ct_generator *out);
void ct_generator_release(ct_generator generator);
/// The state as a tensor of bytes.
ct_status ct_generator_state(ct_generator generator, ct_tensor *out);
ct_status ct_generator_set_state(ct_generator generator, ct_tensor state);

ct_status ct_uniform(
    ct_generator generator, const int64_t *shape, size_t rank, double low, double high, ct_dtype dtype, ct_tensor *out);
ct_status ct_normal(
    ct_generator generator, const int64_t *shape, size_t rank, double mean, double deviation, ct_dtype dtype,
    ct_tensor *out);
ct_status ct_random_integers(
    ct_generator generator, const int64_t *shape, size_t rank, int64_t low, int64_t high, ct_tensor *out);
ct_status ct_permutation(ct_generator generator, int64_t count, ct_tensor *out);
ct_status ct_bernoulli(ct_generator generator, ct_tensor probabilities, ct_tensor *out);
ct_status ct_multinomial(ct_generator generator, ct_tensor probabilities, int64_t draws, ct_tensor *out);

CT_END

#endif
