public import Testing
public import Torch

/// Checks that two tensors have one shape and nearly equal elements: |a − b| ≤ absolute + relative · |b|.
///
/// A failure names the worst entry. NaN is close to nothing, infinity to itself only.
public func expectClose(
    _ a: Tensor, _ b: Tensor, relative: Double = 1e-6, absolute: Double = 1e-9, _ comment: String = "",
    sourceLocation: SourceLocation = #_sourceLocation
) {
    func fail(_ text: String) {
        Issue.record(Comment(rawValue: comment.isEmpty ? text : "\(comment): \(text)"), sourceLocation: sourceLocation)
    }
    guard a.shape == b.shape else { return fail("the shapes are \(a.shape) and \(b.shape)") }

    let values = a.detached().array(of: Double.self)
    let expected = b.detached().array(of: Double.self)
    var worst: (index: Int, excess: Double)?
    for (index, (x, y)) in zip(values, expected).enumerated() where x != y {
        let distance = (x - y).magnitude
        // The ratio is compared in a form that lets NaN and a single infinity fail.
        let excess = distance.isFinite ? distance / (absolute + relative * y.magnitude) : .infinity
        if !(excess <= 1), excess > worst?.excess ?? 0 { worst = (index, excess) }
    }
    if let (index, excess) = worst {
        let place = position(index, in: a.shape)
        fail("at \(place): \(values[index]) and \(expected[index]) differ by \(excess) times the tolerance")
    }
}

/// Where the element with a row-major number stands.
private func position(_ index: Int, in shape: [Int]) -> [Int] {
    var rest = index
    var position: [Int] = []
    for extent in shape.reversed() {
        position.insert(rest % extent, at: 0)
        rest /= extent
    }
    return position
}
