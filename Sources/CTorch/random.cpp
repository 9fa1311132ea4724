#include "include/ct_random.h"
#include "aten_random.h"
#include "support.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <iterator>

using namespace ct;

static at::Generator borrow_generator(ct_generator handle) {
    return at::Generator(c10::intrusive_ptr<c10::GeneratorImpl>::reclaim_copy(
        reinterpret_cast<c10::GeneratorImpl *>(handle)));
}

static ct_generator give_generator(at::Generator generator) {
    return reinterpret_cast<ct_generator>(generator.unsafeReleaseGeneratorImpl());
}

/// The state of a generator of the CPU as libtorch copies it: a Mersenne twister and the second half of a pair of
/// normal numbers. Libtorch names none of it in its headers.
struct CPUState {
    uint64_t seed;
    int32_t left;
    int32_t seeded;
    uint64_t next;
    uint64_t words[624];
    double normal_x, normal_y, normal_rho;
    int32_t has_normal;
    int32_t padding;
    float next_normal;
    uint8_t has_next_normal;
    uint8_t more_padding[3];
};
static_assert(sizeof(CPUState) == 5056);

/// Refuses what libtorch would believe: a position behind the twister's words, from where it would read on, numbers of
/// more bits than a word has, truth values of other bytes.
static void check_cpu_state(const at::Tensor &state) {
    TORCH_CHECK(
        state.numel() == sizeof(CPUState), "there are ", state.numel(), " bytes, not the ", sizeof(CPUState), " of a state");
    CPUState values;
    std::memcpy(&values, state.const_data_ptr(), sizeof(values));
    constexpr int32_t count = std::size(values.words);
    bool is_fresh = values.left == 1 && values.next == 0;
    bool is_within = values.left >= 1 && values.left <= count && values.next == uint64_t(count + 1 - values.left);
    TORCH_CHECK(values.seeded == 1 && (is_fresh || is_within), "the position in its sequence is none");
    bool has_bits = false;
    for (auto word : values.words) {
        TORCH_CHECK(word <= UINT32_MAX, "a word of it has more than 32 bits");
        has_bits = has_bits || word != 0;
    }
    TORCH_CHECK(has_bits, "all of its words are zero");
    for (auto number : {values.normal_x, values.normal_y, values.normal_rho, double(values.next_normal)}) {
        TORCH_CHECK(std::isfinite(number), "a normal number in it is not finite");
    }
    TORCH_CHECK(
        (values.has_normal | 1) == 1 && (values.has_next_normal | 1) == 1, "it does not say whether a number is left over");
}

static at::TensorOptions options(const at::Generator &generator, ct_dtype dtype) {
    return at::TensorOptions().dtype(scalar_type(dtype)).device(generator.device());
}

ct_status ct_generator_create(ct_device where, uint64_t seed, ct_generator *out) {
    return guarded([&] {
        at::Generator generator;
        if (where.type == CT_CPU) {
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

ct_status ct_generator_clone(ct_generator generator, ct_generator *out) {
    return guarded([&] { *out = give_generator(borrow_generator(generator).clone()); });
}

void ct_generator_release(ct_generator generator) {
    c10::intrusive_ptr<c10::GeneratorImpl>::reclaim(reinterpret_cast<c10::GeneratorImpl *>(generator));
}

ct_status ct_generator_state(ct_generator generator, ct_tensor *out) {
    return guarded([&] { *out = give(imagines() ? imagined({sizeof(CPUState)}, at::kByte) : borrow_generator(generator).get_state()); });
}

ct_status ct_generator_set_state(ct_generator generator, ct_tensor state) {
    return guarded([&] {
        if (imagines()) return;
        auto target = borrow_generator(generator);
        if (target.device().is_cpu()) check_cpu_state(borrow(state));
        target.set_state(borrow(state));
    });
}

ct_status ct_uniform(
    ct_generator generator, const int64_t *shape, size_t rank, double low, double high, ct_dtype dtype,
    ct_tensor *out) {
    return guarded([&] {
        auto source = borrow_generator(generator);
        if (imagines()) {
            *out = give(imagined(list(shape, rank), scalar_type(dtype)));
            return;
        }
        *out = give(at::empty(list(shape, rank), options(source, dtype)).uniform_(low, high, source));
    });
}

ct_status ct_normal(
    ct_generator generator, const int64_t *shape, size_t rank, double mean, double deviation, ct_dtype dtype,
    ct_tensor *out) {
    return guarded([&] {
        auto source = borrow_generator(generator);
        if (imagines()) {
            *out = give(imagined(list(shape, rank), scalar_type(dtype)));
            return;
        }
        *out = give(at::empty(list(shape, rank), options(source, dtype)).normal_(mean, deviation, source));
    });
}

ct_status ct_random_integers(
    ct_generator generator, const int64_t *shape, size_t rank, int64_t low, int64_t high, ct_tensor *out) {
    return guarded([&] {
        auto source = borrow_generator(generator);
        if (imagines()) {
            *out = give(imagined(list(shape, rank), at::kLong));
            return;
        }
        *out = give(at::randint(low, high, list(shape, rank), source, options(source, CT_INT64)));
    });
}

ct_status ct_permutation(ct_generator generator, int64_t count, ct_tensor *out) {
    return guarded([&] {
        auto source = borrow_generator(generator);
        if (imagines()) {
            *out = give(imagined({count}, at::kLong));
            return;
        }
        *out = give(at::randperm(count, source, options(source, CT_INT64)));
    });
}

ct_status ct_bernoulli(ct_generator generator, ct_tensor probabilities, ct_tensor *out) {
    return guarded([&] {
        auto p = borrow(probabilities).detach();
        *out = give(imagines() ? p : at::bernoulli(p, borrow_generator(generator)));
    });
}

ct_status ct_multinomial(ct_generator generator, ct_tensor probabilities, int64_t draws, ct_tensor *out) {
    return guarded([&] {
        auto p = borrow(probabilities);
        if (imagines()) {
            auto shape = p.sizes().vec();
            shape.back() = draws;
            *out = give(imagined(shape, at::kLong));
            return;
        }
        *out = give(at::multinomial(p, draws, /*replacement=*/true, borrow_generator(generator)));
    });
}
