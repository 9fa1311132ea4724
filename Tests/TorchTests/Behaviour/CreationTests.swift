import TestSupport
import Testing
import Torch

@Suite("Creation, copies and types")
struct CreationTests {
    /// Checks that an array comes back as it went in.
    private func expectRoundTrip<Scalar: TensorScalar & Equatable>(_ values: [Scalar], _ dtype: DType) {
        let tensor = Tensor(values, shape: [2, values.count / 2])
        #expect(tensor.dtype == dtype && tensor.shape == [2, values.count / 2] && tensor.count == values.count)
        #expect(tensor.array() == values)
        #expect(tensor.transposed().transposed().array() == values)
    }

    @Test func arraysComeBack() {
        expectRoundTrip([Float.leastNonzeroMagnitude, -1.5, .infinity, .greatestFiniteMagnitude], .float32)
        expectRoundTrip([Double.pi, -0.0, .ulpOfOne, .greatestFiniteMagnitude], .float64)
        expectRoundTrip([Int.min, -1, 0, Int.max], .int64)
        expectRoundTrip([Int64.min, Int64.max], .int64)
        expectRoundTrip([Int32.min, -1, 0, Int32.max], .int32)
        expectRoundTrip([UInt8(0), 1, 128, 255], .uint8)
        expectRoundTrip([true, false, false, true], .bool)
        expectRoundTrip([Double](), .float64)
    }

    @Test func arraysAreCopied() {
        var values = [1.0, 2]
        let tensor = Tensor(values)
        values[0] = 7
        #expect(tensor.array() == [1.0, 2])
        var copied: [Double] = tensor.array()
        copied[1] = 9
        #expect(tensor.array() == [1.0, 2])
    }

    @Test func viewsAreReadInRowMajorOrder() {
        let x = Tensor.range(0..<12).reshaped([3, 4])
        #expect(x[1..., .every(2)].array() == [4, 6, 8, 10])
        #expect(x.transposed()[1].array() == [1, 5, 9])
        #expect(Tensor([7]).broadcast(to: [2, 2]).array() == [7, 7, 7, 7])
    }

    @Test(arguments: DType.allCases, DType.allCases)
    func typesConvert(_ source: DType, _ target: DType) {
        let converted = Tensor([0, 1, 1]).to(source).to(target)
        #expect(converted.dtype == target)
        #expect(converted.array() == [0, 1, 1])
        #expect(converted.to(target).id == converted.id)
    }

    @Test func conversionsCutOff() {
        #expect(Tensor([-1.7, 1.7, 300]).to(.int32).array() == [-1, 1, 300])
        #expect(Tensor([0.0, 0.2, -3]).to(.bool).array() == [false, true, true])
        #expect(Tensor([0.1]).to(.float32).array(of: Double.self) == [Double(Float(0.1))])
        #expect(Tensor([true, false]).array(of: Double.self) == [1, 0])
        #expect(Tensor([1.5]).array(of: Int.self) == [1])
    }

    @Test(arguments: DType.allCases) func constantsHaveTheirType(_ dtype: DType) {
        for (tensor, value) in [
            (Tensor.zeros([2], dtype: dtype), 0), (Tensor.ones([2], dtype: dtype), 1),
            (Tensor.full([2], 1, dtype: dtype), 1), (Tensor.ones(like: Tensor.zeros([2], dtype: dtype)), 1),
            (Tensor.zeros(like: Tensor.ones([2], dtype: dtype)), 0),
            (Tensor.full(like: Tensor.zeros([2], dtype: dtype), 1), 1),
        ] {
            #expect(tensor.dtype == dtype && tensor.array() == [value, value] && tensor.device == .cpu)
        }
        #expect(Tensor.identity(2, dtype: dtype).array() == [1, 0, 0, 1])
    }

    @Test func rangesAndNumbers() {
        #expect(Tensor.range(-2..<2).array() == [-2, -1, 0, 1])
        #expect(Tensor.range(3..<3).shape == [0])
        #expect(Tensor.range(0..<3, dtype: .float32).array() == [Float(0), 1, 2])
        #expect(Tensor(2.5).shape == [] && Tensor(2.5).scalar == 2.5 && Tensor([7], shape: [1, 1]).scalar == 7)
        #expect(Tensor(Float(1)).dtype == .float32)
    }

    @Test(arguments: [[0], [0, 3], [2, 0, 3]]) func emptyTensorsWork(_ shape: [Int]) {
        let tensor = Tensor.zeros(shape)
        #expect(tensor.count == 0 && tensor.array(of: Float.self).isEmpty)
        #expect((tensor + 1).shape == shape && tensor.sum().scalar == 0)
        #expect(Tensor([Float](), shape: shape).shape == shape)
    }

    @Test func bytesOfTruthValuesAreMadeOneOrZero() {
        let bytes: [UInt8] = [0, 1, 2, 255]
        let tensor = bytes.withUnsafeBytes { Tensor(bytes: $0, dtype: .bool, shape: [4]) }
        #expect(tensor.to(.uint8).array() == [UInt8(0), 1, 1, 1])
    }

    @Test func descriptionsShowTheElements() {
        #expect("\(Tensor([1.5, 2], shape: [2, 1]))" == "float64[2, 1] [1.5, 2.0]")
        #expect("\(Tensor([Float(0.1)]))" == "float32[1] [0.1]")
        #expect("\(Tensor([Int.max, Int.min]))" == "int64[2] [9223372036854775807, -9223372036854775808]")
        #expect("\(Tensor([true, false]))" == "bool[2] [true, false]")
        #expect("\(Tensor.zeros([100]))" == "float32[100]")
        #expect("\(Tensor.zeros([0]))" == "float32[0] []")
    }

    @Test(arguments: [("cpu", Device.cpu), ("cuda", .cuda(0)), ("cuda:3", .cuda(3))])
    func devicesAreParsed(_ text: String, _ device: Device) {
        #expect(Device(text) == device)
        #expect(Device(device.description) == device)
    }

    @Test(arguments: ["", "gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:1:2", "CPU"])
    func otherDevicesAreRefused(_ text: String) { #expect(Device(text) == nil) }

    @Test func runtimeIsDescribed() {
        #expect(Runtime.version.hasPrefix("2."))
        #expect(Runtime.threadCount >= 1 && Runtime.cudaDeviceCount >= 0)
        #expect(Device.cpu.isAvailable && !Device.cuda(1000).isAvailable)
        Device.cpu.synchronize()
    }
}
