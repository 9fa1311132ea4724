#include "include/ct_random.h"
#include "aten_random.h"
#include "support.h"

using namespace ct;

static at::Generator borrow_generator(kt_generator handle) {
    return at::Generator(c10::intrusive_ptr<c10::GeneratorImpl>::reclaim_copy(
        reinterpret_cast<c10::GeneratorImpl *>(handle)));
}

static kt_generator give_generator(at::Generator generator) {
    return reinterpret_cast<kt_generator>(generator.unsafeReleaseGeneratorImpl());
}

static at::TensorOptions options(const at::Generator &generator, kt_dtype dtype) {
    return at::TensorOptions().dtype(scalar_type(dtype)).device(generator.device());
}

kt_status kt_generator_create(kt_device where, uint64_t seed, kt_generator *out) {
    return guarded([&] {
        at::Generator generator;
        if (where.type == KT_CPU) {
            // This generator looks at the lower 32 bits only; let the upper ones count too.
            generator = at::detail::createCPUGenerator(seed ^ (seed >> 32));
        } else {
            // The hooks make a generator without CUDA's headers; a build without CUDA refuses here.
            auto &context = at::globalContext();
            context.lazyInitDevice(c10::kCUDA);
            generator = context.getAcceleratorHooksInterface(c10::kCUDA).getNewGenerator(device_index(where));
            generator.set_current_seed(seed);
        }
        *out = give_generator(generator);
    });
}

kt_status kt_generator_clone(kt_generator generator, kt_generator *out) {
    return guarded([&] { *out = give_generator(borrow_generator(generator).clone()); });
}

void kt_generator_release(kt_generator generator) {
    c10::intrusive_ptr<c10::GeneratorImpl>::reclaim(reinterpret_cast<c10::GeneratorImpl *>(generator));
}

kt_status kt_generator_state(kt_generator generator, kt_tensor *out) {
    return guarded([&] { *out = give(borrow_generator(generator).get_state()); });
}

kt_status kt_generator_set_state(kt_generator generator, kt_tensor state) {
    return guarded([&] { borrow_generator(generator).set_state(borrow(state)); });
}

kt_status kt_uniform(
    kt_generator generator, const int64_t *shape, size_t rank, double low, double high, kt_dtype dtype,
    kt_tensor *out) {
    return guarded([&] {
        auto source = borrow_generator(generator);
        *out = give(at::empty(list(shape, rank), options(source, dtype)).uniform_(low, high, source));
    });
}

kt_status kt_normal(
    kt_generator generator, const int64_t *shape, size_t rank, double mean, double deviation, kt_dtype dtype,
    kt_tensor *out) {
    return guarded([&] {
        auto source = borrow_generator(generator);
        *out = give(at::empty(list(shape, rank), options(source, dtype)).normal_(mean, deviation, source));
    });
}

kt_status kt_random_integers(
    kt_generator generator, const int64_t *shape, size_t rank, int64_t low, int64_t high, kt_tensor *out) {
    return guarded([&] {
        auto source = borrow_generator(generator);
        *out = give(at::randint(low, high, list(shape, rank), source, options(source, KT_INT64)));
    });
}

kt_status kt_permutation(kt_generator generator, int64_t count, kt_tensor *out) {
    return guarded([&] {
        auto source = borrow_generator(generator);
        *out = give(at::randperm(count, source, options(source, KT_INT64)));
    });
}

kt_status kt_bernoulli(kt_generator generator, kt_tensor probabilities, kt_tensor *out) {
    return guarded([&] { *out = give(at::bernoulli(borrow(probabilities).detach(), borrow_generator(generator))); });
}

kt_status kt_multinomial(kt_generator generator, kt_tensor probabilities, int64_t draws, kt_tensor *out) {
    return guarded([&] {
        *out = give(
            at::multinomial(borrow(probabilities), draws, /*replacement=*/true, borrow_generator(generator)));
    });
}
