import Testing
import Torch
import TorchNN

@Suite struct ModuleModeTests {
    private struct Failure: Error {}

    private let dropout: Dropout
    private let normalization = BatchNormalization(2)
    private let model: Sequential

    init() {
        var generator = RandomGenerator(seed: 1)
        dropout = Dropout(0.5, using: &generator)
        model = Sequential(Linear(2, 2, using: &generator), Residual(Sequential(dropout, normalization)))
    }

    @Test func newModulesAreInTraining() {
        #expect(dropout.mode == .training)
        #expect(normalization.mode == .training)
    }

    @Test func settingReachesAllModules() {
        model.setMode(.evaluation)
        #expect(dropout.mode == .evaluation)
        #expect(normalization.mode == .evaluation)
    }

    @Test func scopedModeIsSetBackForEachModule() throws {
        normalization.mode = .evaluation
        let inside = model.withMode(.evaluation) { [dropout.mode, normalization.mode] }
        #expect(inside == [.evaluation, .evaluation])
        #expect([dropout.mode, normalization.mode] == [.training, .evaluation])

        #expect(throws: Failure.self) {
            try model.withMode(.evaluation) { () throws(Failure) in throw Failure() }
        }
        #expect([dropout.mode, normalization.mode] == [.training, .evaluation])
    }

    @Test func evaluationIsRepeatable() {
        var generator = RandomGenerator(seed: 2)
        let input = generator.normal([4, 2])
        let outputs = model.withMode(.evaluation) { (model(input), model(input)) }
        expectClose(outputs.0, outputs.1, tolerance: 0)
        let trained = (model(input), model(input))
        #expect((trained.0 - trained.1).abs().max().scalar > 0)
    }
}
