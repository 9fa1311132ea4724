import Torch

// Initialisers whose spread follows the number of connections.
extension Initializer {
    /// Uniform within ±1 / √(number of inputs): what linear and convolution layers use if nothing else is said.
    ///
    /// The same as PyTorch's, for weights and biases.
    public static let standard = scaledUniform(fan: .input, variance: 1.0 / 3)

    /// Uniform with variance gain² · 2 / (inputs + outputs).
    ///
    /// Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010.
    ///
    /// - Parameter gain: 1 for linear units; 5/3 is usual for tanh.
    public static func xavierUniform(gain: Double = 1) -> Initializer {
        scaledUniform(fan: .average, variance: gain * gain)
    }

    /// Normal with variance gain² · 2 / (inputs + outputs); see ``xavierUniform(gain:)``.
    public static func xavierNormal(gain: Double = 1) -> Initializer {
        scaledNormal(fan: .average, variance: gain * gain)
    }

    /// Uniform with variance gain² / fan.
    ///
    /// He et al., "Delving deep into rectifiers", 2015.
    ///
    /// - Parameters:
    ///   - fan: The count of connections to scale by.
    ///   - gain: √2 for rectifiers, 1 for linear units.
    public static func kaimingUniform(fan: Fan.Choice = .input, gain: Double = 2.0.squareRoot()) -> Initializer {
        scaledUniform(fan: fan, variance: gain * gain)
    }

    /// Normal with variance gain² / fan; see ``kaimingUniform(fan:gain:)``.
    public static func kaimingNormal(fan: Fan.Choice = .input, gain: Double = 2.0.squareRoot()) -> Initializer {
        scaledNormal(fan: fan, variance: gain * gain)
    }

    private static func scaledUniform(fan choice: Fan.Choice, variance: Double) -> Initializer {
        Initializer { shape, fan, generator in
            // A uniform distribution within ±b has the variance b² / 3.
            let bound = (3 * part(of: variance, among: fan.count(choice), shape)).squareRoot()
            return generator.uniform(shape, in: -bound..<bound, dtype: .float64)
        }
    }

    /// A variance divided by a number of connections; zero if there are none, and nothing to add up.
    private static func part(of variance: Double, among connections: Double, _ shape: [Int]) -> Double {
        guard variance >= 0, variance.isFinite, connections >= 0 else {
            fatalError(
                "Initializer: a variance of \(variance) among \(connections) connections for a parameter of shape \(shape); "
                    + "neither can be negative, and the variance must be finite")
        }
        return connections == 0 ? 0 : variance / connections
    }

    private static func scaledNormal(fan choice: Fan.Choice, variance: Double) -> Initializer {
        Initializer { shape, fan, generator in
            let deviation = part(of: variance, among: fan.count(choice), shape).squareRoot()
            return generator.normal(shape, standardDeviation: deviation, dtype: .float64)
        }
    }
}
