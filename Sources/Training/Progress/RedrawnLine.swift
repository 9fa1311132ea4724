/// A line of a terminal that is drawn again and again in place, not more often than one can see.
package struct RedrawnLine {
    private let terminal: Terminal
    private let clock = ContinuousClock()
    private var last: ContinuousClock.Instant?
    private var isShown = false

    /// The least time between two drawings.
    private static let pause = Duration.milliseconds(100)

    /// Creates a line; nothing is drawn yet.
    package init(_ terminal: Terminal) { self.terminal = terminal }

    /// Draws the line, where the terminal can redraw lines and the last drawing is not too recent.
    ///
    /// - Parameters:
    ///   - isLast: Whether it is drawn in any case, as no other will follow soon.
    ///   - content: Makes the line, for a width that it must not exceed.
    package mutating func draw(isLast: Bool = false, _ content: (_ width: Int) -> String) {
        guard let width = terminal.width() else { return }
        let now = clock.now
        if let last, last.duration(to: now) < Self.pause, !isLast { return }
        last = now
        isShown = true
        // Back to the start of the line, over what stands there, and nothing of an older, longer line remains.
        terminal.write("\r" + content(width - 1) + "\u{1B}[K")
    }

    /// Removes the line, for other text to come.
    package mutating func erase() {
        guard isShown else { return }
        isShown = false
        terminal.write("\r\u{1B}[K")
    }
}
