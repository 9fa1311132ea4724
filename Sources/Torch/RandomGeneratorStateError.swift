/// Why a random generator cannot go on from a state.
public struct RandomGeneratorStateError: DescribedError, Hashable {
    /// The generator's device.
    public let device: Device
    /// The fault of the state.
    public let reason: String

    /// One sentence with the reason, and what to do.
    public var description: String {
        "the bytes are no state of a random generator on \(device): \(reason): use a state that was saved on the same kind "
            + "of device"
    }
}
