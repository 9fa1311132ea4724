import Optimization
import Torch

/// The memory of a parameter whose moments have eigenbases.
protocol EigenbasisMemory: ParameterMemory {
    /// The number of gradients so far.
    var updateCount: Int { get set }
}

/// A rule that steps in the eigenbases of second moments along the axes of each parameter.
///
/// The first gradient finds the bases and moves nothing; each further one moves the parameter by what was known before
/// it, and then enters the moments. Bases turn once in a period.
protocol EigenbasisRule: RememberingRule where Memory: EigenbasisMemory {
    var weightDecay: Double { get }

    /// The number of gradients between new bases.
    var period: Int { get }

    /// The memory of the first gradient.
    func started(_ own: Memory, _ gradient: Tensor) throws(LinearAlgebraError) -> Memory

    /// The memory with new bases.
    func turned(_ own: Memory) throws(LinearAlgebraError) -> Memory

    /// The direction after one more gradient, with as many elements as the parameter.
    func direction(_ own: Memory, _ gradient: Tensor) -> Tensor

    /// The factor of the direction, besides the learning rate, after a number of gradients; 1 by default.
    func scale(after updateCount: Int) -> Double

    /// Averages one more gradient into the moments.
    func fold(_ gradient: Tensor, into own: Memory)
}

extension EigenbasisRule {
    func scale(after updateCount: Int) -> Double { 1 }

    func update(_ gradients: [Tensor?], step: Int, report: inout StepReport) throws(OptimizerError) {
        var memory = memory
        memory.begin(gradients)
        let gradients = gradients.reached
        let new = gradients.filter { memory[$0.index].updateCount == 0 }
        // Due since the end of the last update, and done before anything of this one has changed.
        let due = gradients.filter {
            let count = memory[$0.index].updateCount
            return count > 1 && (count - 1) % period == 0
        }
        if !new.isEmpty || !due.isEmpty {
            try report.time(.inverses) { () throws(OptimizerError) in
                for (index, gradient) in new {
                    memory[index] = try naming(index, step) {
                        () throws(LinearAlgebraError) in try started(memory[index], gradient)
                    }
                }
                for (index, _) in due {
                    memory[index] = try naming(index, step) {
                        () throws(LinearAlgebraError) in try turned(memory[index])
                    }
                }
            }
            report.refreshedInverses = new.count + due.count
        }
        let known = gradients.filter { memory[$0.index].updateCount > 0 }
        if !known.isEmpty {
            let directions = report.time(.preconditioning) { known.map { direction(memory[$0.index], $0.gradient) } }
            let rate = learningRate(step)
            report.time(.update) {
                for ((index, _), direction) in zip(known, directions) {
                    let theta = memory.parameters[index].tensor
                    theta.add(
                        inPlace: direction.reshaped(theta.shape),
                        scale: -rate * scale(after: memory[index].updateCount))
                    if weightDecay != 0 { theta.multiply(inPlace: 1 - rate * weightDecay) }
                }
            }
            report.time(.statistics) {
                for (index, gradient) in known { fold(gradient, into: memory[index]) }
            }
        }
        for (index, _) in gradients { memory[index].updateCount.countOn() }
        self.memory = memory
    }
}
