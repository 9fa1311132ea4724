import Curvature
import Torch

/// Runs the model so that data that cannot be used are an error of the step: nothing has been done with the loss then.
///
/// - Parameter part: The number of the part of the batch, if there are several.
package func checkingBatch(step: Int, part: Int? = nil, _ loss: () throws -> Loss) throws -> Loss {
    do { return try checkingData(loss) } catch let fault as DataFault {
        throw OptimizerError.invalidBatch(step: step, part: part, fault: fault)
    }
}
