public import Testing
import Torch

extension Trait where Self == ConditionTrait {
    /// Runs the test only where libtorch can use a CUDA device.
    public static var cudaIsAvailable: Self {
        .enabled(if: Device.cuda(0).isAvailable, "there is no CUDA device, or libtorch was built for the CPU only")
    }
}
