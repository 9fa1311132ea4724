#include "include/ct_tensor.h"
#include "aten_tensor.h"
#include "memory.h"
#include "support.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <string>

namespace ct {

static thread_local std::string last_error;

ct_status fail(ct_status status, const char *message) noexcept {
    try {
        last_error = message;
    } catch (...) {
        last_error.clear();
    }
    return status;
}

at::ScalarType scalar_type(ct_dtype dtype) {
    switch (dtype) {
    case CT_FLOAT32: return at::kFloat;
    case CT_FLOAT64: return at::kDouble;
    case CT_INT64: return at::kLong;
    case CT_INT32: return at::kInt;
    case CT_UINT8: return at::kByte;
    case CT_BOOL: return at::kBool;
    case CT_BFLOAT16: return at::kBFloat16;
    case CT_OTHER: break;
    }
    TORCH_CHECK(false, "unknown element type");
}

c10::DeviceIndex device_index(ct_device device) {
    auto index = static_cast<c10::DeviceIndex>(device.index);
    TORCH_CHECK(index >= 0 && index == device.index, "there is no CUDA device ", device.index);
    return index;
}

c10::Device device(ct_device device) {
    auto result = device.type == CT_CUDA ? c10::Device(c10::kCUDA, device_index(device)) : c10::Device(c10::kCPU);
    if (!imagines()) return result;
    if (result.is_cuda()) memory_state.scope->device = result;
    return c10::Device(c10::kMeta);
}

/// The least element of a type and the first number beyond its greatest one.
static std::pair<double, double> bounds(at::ScalarType type) {
    switch (type) {
    case at::kBool: return {0, 2};
    case at::kByte: return {0, 256};
    case at::kInt: return {-0x1p31, 0x1p31};
    default: return {-0x1p63, 0x1p63};
    }
}

/// The name that callers know a type by.
static const char *name(at::ScalarType type) {
    switch (type) {
    case at::kBool: return "bool";
    case at::kByte: return "uint8";
    case at::kInt: return "int32";
    case at::kLong: return "int64";
    default: return at::toString(type);
    }
}

/// The greatest finite number of a floating-point type.
static double greatest(at::ScalarType type) {
    switch (type) {
    case at::kFloat: return std::numeric_limits<float>::max();
    case at::kBFloat16: return std::numeric_limits<c10::BFloat16>::max();
    default: return std::numeric_limits<double>::max();
    }
}

at::Scalar scalar_of(at::ScalarType type, double value) {
    if (at::isFloatingType(type)) {
        // As in arithmetic: libtorch would refuse numbers that round to infinity.
        return std::abs(value) > greatest(type) ? at::Scalar(std::copysign(INFINITY, value)) : at::Scalar(value);
    }
    auto [low, end] = bounds(type);
    TORCH_CHECK(
        std::trunc(value) == value && low <= value && value < end, "the number ", value,
        " is not one of the tensor's type, ", name(type));
    return type == at::kBool ? at::Scalar(value != 0) : at::Scalar(static_cast<int64_t>(value));
}

static at::TensorOptions options(ct_dtype dtype, ct_device where) {
    return at::TensorOptions().dtype(scalar_type(dtype)).device(device(where));
}

} // namespace ct

using namespace ct;

const char *ct_last_error(void) { return last_error.c_str(); }

void ct_release(ct_tensor tensor) {
    c10::intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>::reclaim(
        reinterpret_cast<c10::TensorImpl *>(tensor));
}

int64_t ct_rank(ct_tensor tensor) { return borrow_real(tensor).dim(); }
int64_t ct_count(ct_tensor tensor) { return borrow_real(tensor).numel(); }
bool ct_is_contiguous(ct_tensor tensor) { return borrow_real(tensor).is_contiguous(); }

bool ct_is_channels_last(ct_tensor tensor) {
    return borrow_real(tensor).suggest_memory_format() == at::MemoryFormat::ChannelsLast;
}
bool ct_shares_memory(ct_tensor a, ct_tensor b) { return share_memory(borrow_real(a), borrow_real(b)); }
const void *ct_memory(ct_tensor tensor) { return borrow_real(tensor).storage().unsafeGetStorageImpl(); }

ct_status ct_overlap(ct_tensor a, ct_tensor b, bool *out) {
    return guarded([&] { *out = !imagines() && overlap(borrow(a), borrow(b)); });
}

void ct_shape(ct_tensor tensor, int64_t *shape) {
    auto sizes = borrow_real(tensor).sizes();
    std::copy(sizes.begin(), sizes.end(), shape);
}

void ct_strides(ct_tensor tensor, int64_t *strides) {
    auto values = borrow_real(tensor).strides();
    std::copy(values.begin(), values.end(), strides);
}

ct_dtype ct_get_dtype(ct_tensor tensor) {
    switch (borrow_real(tensor).scalar_type()) {
    case at::kFloat: return CT_FLOAT32;
    case at::kDouble: return CT_FLOAT64;
    case at::kLong: return CT_INT64;
    case at::kInt: return CT_INT32;
    case at::kByte: return CT_UINT8;
    case at::kBool: return CT_BOOL;
    case at::kBFloat16: return CT_BFLOAT16;
    default: return CT_OTHER;
    }
}

ct_device ct_get_device(ct_tensor tensor) {
    auto where = borrow_real(tensor).device();
    // A tensor without memory lies where its numbers would have.
    if (where.is_meta() && memory_state.scope) where = memory_state.scope->device;
    return where.is_cuda() ? ct_device{CT_CUDA, where.index()} : ct_device{CT_CPU, 0};
}

ct_status ct_from_bytes(const void *bytes, ct_dtype dtype, const int64_t *shape, size_t rank, ct_tensor *out) {
    return guarded([&] {
        auto result = at::empty(list(shape, rank), options(dtype, {CT_CPU, 0}));
        if (result.nbytes() > 0 && !imagines()) std::memcpy(result.mutable_data_ptr(), bytes, result.nbytes());
        // Any byte may come from outside, but a truth value is 0 or 1.
        if (dtype == CT_BOOL) result = result.view(at::kByte).ne(0);
        *out = give(result);
    });
}

ct_status ct_full(
    const int64_t *shape, size_t rank, double value, ct_dtype dtype, ct_device where, ct_tensor *out) {
    return guarded([&] { *out = give(at::full(list(shape, rank), scalar_of(scalar_type(dtype), value), options(dtype, where))); });
}

ct_status ct_full_like(ct_tensor tensor, double value, ct_tensor *out) {
    return guarded([&] {
        auto like = borrow(tensor);
        *out = give(at::full_like(like, scalar_like(like, value)));
    });
}

ct_status ct_arange(double start, double end, double step, ct_dtype dtype, ct_device where, ct_tensor *out) {
    return guarded([&] { *out = give(at::arange(start, end, step, options(dtype, where))); });
}

ct_status ct_eye(int64_t size, ct_dtype dtype, ct_device where, ct_tensor *out) {
    return guarded([&] { *out = give(at::eye(size, options(dtype, where))); });
}

/// Ones of a tensor's type: numbers that can be divided by, and that no loop goes on for.
static void write_ones(const at::Tensor &tensor, void *bytes, size_t capacity) {
    auto fill = [&](auto one) {
        for (size_t place = 0; place + sizeof(one) <= capacity; place += sizeof(one))
            std::memcpy(static_cast<char *>(bytes) + place, &one, sizeof(one));
    };
    switch (tensor.scalar_type()) {
    case at::kFloat: return fill(1.0f);
    case at::kDouble: return fill(1.0);
    case at::kBFloat16: return fill(c10::BFloat16(1.0f));
    // Positions and counts: the first of any.
    case at::kLong: return fill(int64_t(0));
    case at::kInt: return fill(int32_t(0));
    case at::kBool: return fill(true);
    default: std::memset(bytes, 0, capacity);
    }
}

ct_status ct_to_bytes(ct_tensor tensor, void *bytes, size_t capacity) {
    return guarded([&] {
        auto operand = borrow(tensor);
        if (imagines()) return write_ones(operand, bytes, capacity);
        auto source = operand.detach().to(at::kCPU).contiguous();
        TORCH_CHECK(source.nbytes() == capacity, "holds ", source.nbytes(), " bytes, not ", capacity);
        if (capacity > 0) std::memcpy(bytes, source.const_data_ptr(), capacity);
    });
}

ct_status ct_cast(ct_tensor tensor, ct_dtype dtype, ct_tensor *out) {
    return guarded([&] { *out = give(borrow(tensor).to(scalar_type(dtype))); });
}

ct_status ct_to_device(ct_tensor tensor, ct_device where, ct_tensor *out) {
    return guarded([&] { *out = give(borrow(tensor).to(device(where))); });
}

ct_status ct_contiguous(ct_tensor tensor, ct_tensor *out) {
    return guarded([&] { *out = give(borrow(tensor).contiguous()); });
}

ct_status ct_channels_last(ct_tensor images, ct_tensor *out) {
    return guarded([&] {
        auto x = borrow(images);
        TORCH_CHECK(x.dim() == 4, "images [batch, channels, height, width] were expected");
        x = x.contiguous(at::MemoryFormat::ChannelsLast);
        // A single channel lies in memory in the same way in both layouts: the steps alone tell which one is meant.
        if (x.size(1) == 1 && x.suggest_memory_format() != at::MemoryFormat::ChannelsLast)
            x = x.squeeze(1).unsqueeze(-1).permute({0, 3, 1, 2});
        *out = give(x);
    });
}

ct_status ct_clone(ct_tensor tensor, ct_tensor *out) {
    return guarded([&] { *out = give(borrow(tensor).clone()); });
}

ct_status ct_assign(ct_tensor target, ct_tensor source) {
    return writing(target, [&] {
        auto tensor = borrow(target);
        check_destination(tensor);
        tensor.copy_(apart_elementwise(tensor, borrow(source)));
    });
}

ct_status ct_fill(ct_tensor target, double value) {
    return writing(target, [&] {
        auto tensor = borrow(target);
        check_destination(tensor);
        tensor.fill_(scalar_like(tensor, value));
    });
}
