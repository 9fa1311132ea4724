/// How far an epoch, or a run of steps, is, in one line.
package struct ProgressLine {
    /// The beginning of the line; nil for the epoch or, without epochs, the step.
    var title: String?
    /// The epoch, from 1, and the number of epochs; nil for a run of steps.
    var epoch: (number: Int, of: Int)?
    var step: Int
    var steps: Int
    var stepsPerSecond: Double
    var loss: Double
    var secondsLeft: Double

    package init(
        title: String? = nil, epoch: (number: Int, of: Int)? = nil, step: Int, steps: Int, stepsPerSecond: Double,
        loss: Double, secondsLeft: Double
    ) {
        (self.title, self.epoch) = (title, epoch)
        (self.step, self.steps, self.stepsPerSecond) = (step, steps, stepsPerSecond)
        (self.loss, self.secondsLeft) = (loss, secondsLeft)
    }

    private var head: String? { title ?? epoch.map { "epoch \($0.number)/\($0.of)" } }

    /// A line that stays.
    var plain: String {
        "\(head.map { "\($0), " } ?? "")step \(step)/\(steps): loss \(loss.readable), "
            + "\(stepsPerSecond.fixed(1)) steps/s, \(Text.time(secondsLeft)) left"
    }

    /// A line to be redrawn, at most `width` characters wide: what matters least goes first where there is no room.
    package func bar(width: Int, _ terminal: Terminal) -> String {
        let head = head ?? "step"
        let count = "\(step)/\(steps)"
        let parts = [
            count, "\(stepsPerSecond.fixed(1)) steps/s", "loss \(loss.readable)", "\(Text.time(secondsLeft)) left",
        ]
        let rest = parts.joined(separator: "  ")
        // Two spaces and two brackets belong to the bar.
        let room = min(40, width - head.count - rest.count - 4)
        if room >= 8 {
            let filled = room * step / max(1, steps)
            let drawn = String(repeating: "=", count: filled) + String(repeating: " ", count: room - filled)
            return "\(head) [\(terminal.styled(drawn, .green))] \(rest)"
        }
        for dropped in [[], [1], [1, 3], [1, 2, 3]] {
            let kept = parts.indices.filter { !dropped.contains($0) }.map { parts[$0] }
            let line = ([head] + kept).joined(separator: "  ")
            if line.count <= width { return line }
        }
        return String(count.prefix(max(0, width)))
    }
}
