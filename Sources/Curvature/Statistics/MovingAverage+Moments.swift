import Torch

extension MovingAverage {
    /// Moves the average by the second moment of a batch: the sum over sources of the mean over their rows.
    ///
    /// A source is one back-propagated quantity (one draw of targets, one column of the loss's factor); its parts (the
    /// uses of a shared weight, the parts of a batch on several devices) are put behind one another.
    mutating func update(sources: [[any SecondMoment]], decay: Double, weight: Double, form: StatisticsForm) {
        guard !sources.isEmpty, sources.allSatisfy({ !$0.isEmpty }) else {
            fatalError("MovingAverage.update: \(sources.count) sources with \(sources.map(\.count)) parts")
        }
        update(decay: decay, weight: weight) { value, keep, add in
            var keep = keep
            // Vectors may be views of the average itself; all are read as they were before.
            let isShared = sources.joined().contains { $0.memory.sharesMemory(with: value) }
            let sum = isShared ? value.copy() : value
            for parts in sources {
                let rowCount = parts.reduce(0) { $0 + $1.count }
                for rows in parts {
                    rows.accumulate(into: sum, keep: keep, scale: add / Double(rowCount), form: form)
                    keep = 1
                }
            }
            if isShared { value.assign(sum) }
        }
    }
}
