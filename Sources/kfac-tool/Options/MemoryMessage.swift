import KFAC
import Torch
import Training

/// Runs a command so that what there is not enough memory for ends it with a sentence about its options.
///
/// - Parameters:
///   - options: The options that make it need less, beside those that the error speaks of.
///   - ending: What else there is to say.
func explainingMemory<Result>(
    options: [String], ending: () -> String = { "" }, _ body: () throws -> Result
) throws -> Result {
    func refusal(_ sentence: String, _ options: [String]) -> ToolError {
        ToolError("\(sentence): lower \(options.joined(separator: ", ")), or use a machine with more memory\(ending())")
    }
    do { return try body() } catch OptimizerError.memoryRanOut(let step, let fault, let remedies) {
        let isOfCurvature = remedies.contains(.dimensionLimit)
        throw refusal(
            "there is not enough memory for step \(step): \(fault)",
            ["--batch-size"] + (isOfCurvature ? ["--statistics-fraction", "--dimension-limit"] : []))
    } catch let error as CurvatureError where error.isOfFactors {
        throw ToolError("\(error); on the command line: --dimension-limit")
    } catch let error as TrainingMemoryError {
        throw refusal(
            "there is not enough memory \(error.activity.rawValue) after \(error.steps) steps: \(error.fault)", options)
    } catch let fault as MemoryFault {
        throw refusal("there is not enough memory to begin: \(fault)", options)
    }
}

extension CurvatureError {
    fileprivate var isOfFactors: Bool { if case .memoryExceeded = self { true } else { false } }
}
