import Torch

/// Runs a step so that an operation for which there is not enough memory is an error of the step.
///
/// Where the step throws, whatever it is, running statistics of normalisations are as before.
///
/// - Parameters:
///   - step: The number of the step.
///   - remedies: What makes the step need less memory.
///   - restore: Puts back what a step replaces; not what it writes in place.
package func checkingMemory<Result>(
    ofStep step: Int, remedies: [MemoryRemedy], restore: () -> Void, _ body: () throws -> Result
) throws -> Result {
    do { return try restoringRunningStatistics { try checkingMemory(body) } } catch let fault as MemoryFault {
        restore()
        throw OptimizerError.memoryRanOut(step: step, fault: fault, remedies: remedies)
    }
}

/// Runs a part of a step that moves what `restore` can put back, which is done if memory runs out.
package func restoringWithoutMemory<Result>(_ restore: () -> Void, _ body: () throws -> Result) throws -> Result {
    do { return try checkingMemory(body) } catch var fault as MemoryFault {
        restore()
        fault.hasWritten = false
        throw fault
    }
}
