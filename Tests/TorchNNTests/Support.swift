import TestSupport
import Testing
import Torch
import TorchNN

/// Checks that two tensors agree, with one number as the absolute and the relative tolerance.
func expectClose(
    _ found: Tensor, _ expected: Tensor, tolerance: Double = 1e-10, _ comment: String = "",
    sourceLocation: SourceLocation = #_sourceLocation
) {
    expectClose(
        found, expected, relative: tolerance, absolute: tolerance, comment, sourceLocation: sourceLocation)
}

/// Checks the gradients of a module with respect to its input and parameters against central differences, in float64.
///
/// Random generators are set back before each pass, so that what is dropped stays the same.
func expectGradientsMatchDifferences(
    _ module: any Module, input: Tensor, sourceLocation: SourceLocation = #_sourceLocation
) {
    let generators = module.namedModules.compactMap { $0.module as? any StochasticModule }
        .map { (module: $0, generator: $0.generator) }
    func output() -> Tensor {
        for (module, generator) in generators { module.generator = generator }
        return module(input)
    }

    var generator = RandomGenerator(seed: 99)
    var variables = module.namedParameters.map { (name: $0.name, tensor: $0.tensor) }
    if input.dtype.isFloatingPoint { variables.append(("input", input.requiringGradient())) }
    let result = output()
    let weights = generator.normal(result.shape, dtype: .float64)
    let exact = gradients(of: [result], weightedBy: [weights], withRespectTo: variables.map(\.tensor))

    let step = 1e-5
    for (variable, exact) in zip(variables, exact) {
        // The same memory without the shape: an element can be changed in place.
        let elements = variable.tensor.detached().reshaped([-1])
        let differences = withoutGradients {
            (0..<elements.count).map { index in
                func value(_ offset: Double) -> Double {
                    elements[index..<index + 1].add(inPlace: offset)
                    defer { elements[index..<index + 1].add(inPlace: -offset) }
                    return (output() * weights).sum().scalar
                }
                return (value(step) - value(-step)) / (2 * step)
            }
        }
        expectClose(
            exact, Tensor(differences, shape: exact.shape), tolerance: 1e-6,
            "gradient of \(type(of: module)) with respect to \(variable.name)", sourceLocation: sourceLocation)
        #expect(
            exact.abs().max().scalar > 0, "the gradient with respect to \(variable.name) is not trivial",
            sourceLocation: sourceLocation)
    }
}

extension Module {
    /// The names of all parameters.
    var parameterNames: [String] { namedParameters.map(\.name) }

    /// Whether another module has the same state, bit for bit.
    func hasSameState(as other: any Module) -> Bool {
        let (a, b) = (state(), other.state())
        return a.keys == b.keys && a.allSatisfy { ($0.value .== b[$0.key]!).all() }
    }
}

extension Optional where Wrapped == ExitTest.Result {
    /// What a process that trapped said.
    var message: String { String(decoding: self?.standardErrorContent ?? [], as: UTF8.self) }
}
