import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// What factors keep: registration, starting values, staleness, the choice of method, products and errors.
@Suite struct StoredInverseTests {
    private func factor(
        _ settings: FactorSettings = FactorSettings(), batch: Int = 8
    ) -> FullyConnectedKroneckerFactor {
        let factor = FullyConnectedKroneckerFactor(features: 4, settings: settings, dtype: .float64)
        factor.update([randomTensor([batch, 4])], decay: 0.9)
        return factor
    }

    private let identity = Tensor.identity(4, dtype: .float64)

    @Test func startingValues() throws {
        for (settings, start) in [(FactorSettings(), identity * 0), (.tensorFlow17, identity)] {
            let factor = factor(settings)
            factor.registerDampedInverse(0.1)
            factor.registerMatrixPower(-0.5, damping: 0.1)
            factor.registerCholeskyFactor(damping: 0.1)
            factor.registerInverseCholeskyFactor(damping: 0.1)
            for matrix in [
                try factor.dampedInverse(0.1), try factor.matrixPower(-0.5, damping: 0.1),
                try factor.choleskyFactor(damping: 0.1), try factor.inverseCholeskyFactor(damping: 0.1),
            ] {
                expectClose(matrix, start)
            }
        }
        let grouped = ConvInputKroneckerFactor(
            channels: 4, geometry: ConvolutionGeometry(kernel: [1], groups: 2), hasBias: false, settings: .tensorFlow17,
            dtype: .float64)
        grouped.registerDampedInverse(0.1)
        expectClose(try grouped.inverseOperator(damping: 0.1).dense(), identity)
        expectClose(grouped.average.dense(), identity)
        expectClose(
            NaiveDiagonalFactor(dimension: 3, settings: .tensorFlow17, dtype: .float64).diagonal, Tensor([1.0, 1, 1]))
        expectClose(
            ScaleAndShiftUnitwiseFactor(count: 2, axes: [1], settings: .tensorFlow17, dtype: .float64).average.dense(),
            identity
        )
    }

    @Test func storedMatricesAreStaleUntilUpdated() throws {
        let factor = factor()
        factor.registerDampedInverse(0.1)
        factor.registerMatrixPower(0.5, damping: 0.1)
        factor.registerCholeskyFactor(damping: 0.1)
        try factor.updateInverses()
        func stored() throws -> [Tensor] {
            [
                try factor.dampedInverse(0.1), try factor.matrixPower(0.5, damping: 0.1),
                try factor.choleskyFactor(damping: 0.1),
            ]
        }
        let before = try stored()
        let spectrum = try factor.eigendecomposition().values.copy()
        factor.update([randomTensor([8, 4], seed: 5)], decay: 0.5)
        for (old, new) in zip(before, try stored()) { expectClose(old, new, relative: 0, absolute: 0) }
        // The power 1 is never stored, and registering it asks for nothing.
        factor.registerMatrixPower(1, damping: 0.1)
        expectClose(try factor.matrixPower(1, damping: 0.1), factor.covariance + identity * 0.1)
        expectClose(
            try factor.leftMultiply(identity, power: 1, damping: 0.1), factor.leftMultiply(identity, damping: 0.1))
        // So is the eigendecomposition, until it is reset.
        expectClose(try factor.eigendecomposition().values, spectrum, relative: 0, absolute: 0)
        factor.resetEigendecomposition()
        #expect((try factor.eigendecomposition().values - spectrum).abs().max().scalar > 1e-3)

        try factor.updateInverses()
        let damped = factor.covariance + identity * 0.1
        expectClose(try factor.dampedInverse(0.1), try damped.inverse(), relative: 1e-9, absolute: 1e-10)
        let root = try factor.matrixPower(0.5, damping: 0.1)
        expectClose(root.matmul(root), damped, relative: 1e-9, absolute: 1e-10)
        expectClose(try factor.choleskyFactor(damping: 0.1), try damped.cholesky(), relative: 1e-12)
    }

    /// Only the eigendecomposition knows the eigenvalue floor: its effect shows which method was used.
    @Test func methodOfInversion() throws {
        func usesEigen(_ settings: FactorSettings, dampings: [Double], powers: [Double] = []) throws -> Bool {
            var settings = settings
            settings.eigenvalueFloor = 100
            let factor = factor(settings)
            for damping in dampings { factor.registerDampedInverse(damping) }
            for power in powers { factor.registerMatrixPower(power, damping: 0.1) }
            factor.registerCholeskyFactor(damping: 0.1)
            try factor.updateInverses()
            return try factor.inverseOperator(damping: dampings[0]).trace() < 0.1
        }
        #expect(try !usesEigen(FactorSettings(), dampings: [0.1, 0.2, 0.3]))
        #expect(try usesEigen(FactorSettings(), dampings: [0.1, 0.2, 0.3, 0.4]))
        #expect(try usesEigen(FactorSettings(), dampings: [0.1], powers: [0.5]))
        // The same damping under both names is one inverse.
        #expect(try !usesEigen(FactorSettings(), dampings: [0.1, 0.2, 0.3], powers: [-1, 1]))
        #expect(try !usesEigen(.tensorFlow17, dampings: [0.1]))
        #expect(try usesEigen(.tensorFlow17, dampings: [0.1, 0.2]))
    }

    @Test func eigenvalueFloor() throws {
        let factor = factor(FactorSettings(eigenThreshold: 1, eigenvalueFloor: 0.05), batch: 2)
        factor.registerDampedInverse(0.1)
        try factor.updateInverses()
        // Two examples in four dimensions: two eigenvalues are zero, and raised before the damping is added.
        let largest = try factor.dampedInverse(0.1).symmetricEigen().values[3].scalar
        #expect((largest - 1 / 0.15).magnitude < 1e-9)
    }

    /// All products of all kinds of factors against the dense matrices that they stand for.
    @Test(arguments: ["dense", "grouped", "diagonal", "unitwise"]) func products(_ kind: String) throws {
        let factor: any RegisteredInverses
        switch kind {
        case "dense": factor = self.factor()
        case "grouped":
            let grouped = ConvOutputKroneckerFactor(
                channels: 4, geometry: ConvolutionGeometry(kernel: [1], groups: 2), dtype: .float64)
            grouped.update(outputGradients: [randomTensor([8, 4, 3])], decay: 0.9)
            factor = grouped
        case "diagonal":
            let diagonal = DiagonalKroneckerFactor(features: 4, dtype: .float64)
            diagonal.update([randomTensor([8, 4])], decay: 0.9)
            factor = diagonal
        default:
            let unitwise = ScaleAndShiftUnitwiseFactor(count: 2, axes: [1], dtype: .float64)
            unitwise.update(
                inputs: [randomTensor([8, 2, 3])], outputGradients: [[randomTensor([8, 2, 3], seed: 2)]], decay: 0.9)
            factor = unitwise
        }
        factor.registerDampedInverse(0.2)
        factor.registerMatrixPower(-0.5, damping: 0.2)
        factor.registerMatrixPower(-1, damping: 0.3)
        factor.registerCholeskyFactor(damping: 0.2)
        factor.registerInverseCholeskyFactor(damping: 0.2)
        try factor.updateInverses()
        let matrix = factor.average.dense()
        let damped = matrix + identity * 0.2
        let inverse = try damped.inverse()
        let root = try DenseOperator(damped).power(-0.5).dense()
        let lower = try damped.cholesky()
        let lowerInverse = try lower.inverse()
        let (x, y) = (randomTensor([4, 3], seed: 8), randomTensor([3, 4], seed: 9))
        func expectSame(_ a: Tensor, _ b: Tensor, sourceLocation: SourceLocation = #_sourceLocation) {
            expectClose(a, b, relative: 1e-9, absolute: 1e-10, kind, sourceLocation: sourceLocation)
        }
        expectSame(factor.leftMultiply(x, damping: 0.2), damped.matmul(x))
        expectSame(factor.rightMultiply(y, damping: 0.2), y.matmul(damped))
        expectSame(try factor.leftMultiplyInverse(x, damping: 0.2), inverse.matmul(x))
        expectSame(try factor.rightMultiplyInverse(y, damping: 0.2), y.matmul(inverse))
        expectSame(try factor.leftMultiply(x, power: -0.5, damping: 0.2), root.matmul(x))
        expectSame(try factor.rightMultiply(y, power: -0.5, damping: 0.2), y.matmul(root))
        expectSame(try factor.rightMultiply(y, power: 1, damping: 0.2), y.matmul(damped))
        expectSame(
            try factor.leftMultiply(x, power: -1, damping: 0.3), try (matrix + identity * 0.3).inverse().matmul(x))
        expectSame(try factor.leftMultiplyCholesky(x, damping: 0.2), lower.matmul(x))
        expectSame(
            try factor.leftMultiplyCholesky(x, damping: 0.2, transposed: true), lower.transposed().matmul(x))
        expectSame(try factor.rightMultiplyCholesky(y, damping: 0.2), y.matmul(lower))
        expectSame(
            try factor.rightMultiplyCholesky(y, damping: 0.2, transposed: true), y.matmul(lower.transposed()))
        expectSame(try factor.leftMultiplyInverseCholesky(x, damping: 0.2), lowerInverse.matmul(x))
        expectSame(
            try factor.leftMultiplyInverseCholesky(x, damping: 0.2, transposed: true),
            lowerInverse.transposed().matmul(x))
        expectSame(try factor.rightMultiplyInverseCholesky(y, damping: 0.2), y.matmul(lowerInverse))
        expectSame(
            try factor.rightMultiplyInverseCholesky(y, damping: 0.2, transposed: true),
            y.matmul(lowerInverse.transposed()))
    }
}

/// Errors of factors: typed, one clear sentence each, and nothing is lost.
@Suite struct FactorErrorTests {
    @Test func whatIsNotRegisteredIsNamed() {
        let factor = FullyConnectedMultiKroneckerFactor(features: 2)
        factor.registerDampedInverse(0.5)
        for (expected, read) in [
            ("no inverse with damping 0.1 is registered", { _ = try factor.dampedInverse(0.1) }),
            (
                "no power -0.5 with damping 0.5 is",
                { _ = try factor.leftMultiply(.zeros([2, 1]), power: -0.5, damping: 0.5) }
            ),
            ("no Cholesky factor with damping 0.5", { _ = try factor.choleskyOperator(damping: 0.5) }),
            ("no inverse Cholesky factor with damping 0.5", { _ = try factor.inverseCholeskyOperator(damping: 0.5) }),
            ("no option 1 with damping 0.5", { _ = try factor.symmetricLag(damping: 0.5) }),
            ("no option 2 with damping 0.5", { _ = try factor.longSeries(damping: 0.5) }),
        ] as [(String, () throws -> Void)] {
            do {
                try read()
                Issue.record("\(expected): no error")
            } catch {
                #expect("\(error)".hasPrefix(expected), "\(error)")
            }
        }
    }

    /// Where the original's eigendecomposition path silently gave infinity and its Cholesky path stopped training.
    @Test(arguments: [1, 4]) func singularMatricesAreErrors(threshold: Int) throws {
        let factor = FullyConnectedKroneckerFactor(
            features: 3, settings: FactorSettings(eigenThreshold: threshold), dtype: .float64)
        factor.registerDampedInverse(0)
        factor.update([randomPositiveDefinite(3)], decay: 0.9)
        try factor.updateInverses()
        let before = try factor.dampedInverse(0)
        factor.update([Tensor([1.0, 0, 0], shape: [1, 3])], decay: 0)
        #expect(throws: FactorError.self) { try factor.updateInverses() }
        expectClose(try factor.dampedInverse(0), before, relative: 0, absolute: 0)
        let diagonal = NaiveDiagonalFactor(dimension: 2)
        #expect(throws: FactorError.self) { try diagonal.inverseOperator(damping: 0) }
    }

    @Test(arguments: [1, 4]) func notANumberIsAnError(threshold: Int) throws {
        let factor = FullyConnectedKroneckerFactor(
            features: 2, settings: FactorSettings(eigenThreshold: threshold), dtype: .float64)
        factor.registerDampedInverse(0.1)
        factor.update([Tensor([Double.nan, 1], shape: [1, 2])], decay: 0.9)
        #expect {
            try factor.updateInverses()
        } throws: { error in
            "\(error)".hasPrefix("FullyConnectedKroneckerFactor could not be inverted (raise the damping): ")
        }
    }

    @Test func misuseStopsTheProgram() async {
        await #expect(processExitsWith: .success) {
            expectTrap {
                FullyConnectedKroneckerFactor(features: 3).update([Tensor.zeros([2, 4])], decay: 0.9)
            }
            expectTrap {
                let factor = ConvInputKroneckerFactor(
                    channels: 2, geometry: ConvolutionGeometry(kernel: [1]), hasBias: false)
                _ = factor.leftMultiply(Tensor.zeros([2]), damping: 0.1)
            }
            expectTrap {
                _ = ConvInputKroneckerFactor(
                    channels: 2, geometry: ConvolutionGeometry(kernel: [3], isTransposed: true), hasBias: true)
            }
            expectTrap {
                DiagonalKroneckerFactor(features: 3).update(indices: [Tensor([3])], decay: 0.9)
            }
            expectTrap {
                let factor = ScaleAndShiftFullFactor(count: 3, axes: [1])
                factor.update(inputs: [.zeros([2, 4])], outputGradients: [[.zeros([2, 4])]], decay: 0.9)
            }
        }
    }
}
