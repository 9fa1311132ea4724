import Foundation

/// Curves with bands around them, as a picture in a page.
package struct Chart {
    /// A point of a curve.
    package typealias Point = (x: Double, y: Spread)

    /// A horizontal line at a number.
    package typealias Mark = (name: String, y: Double)

    /// A curve: medians, and the band from the least to the greatest.
    package struct Curve {
        package var name: String
        /// Its number in the legend, from 0, which decides on colour and dashes.
        package var style: Int
        package var points: [Point]

        package init(name: String, style: Int, points: [Point]) {
            (self.name, self.style, self.points) = (name, style, points)
        }
    }

    /// Its content, in a sentence for those who cannot see it.
    var title: String
    var xName: String
    var yName: String
    var curves: [Curve]
    var marks: [Mark] = []
    /// Whether the numbers along the bottom may have a logarithmic scale; otherwise theirs is linear and begins at
    /// zero.
    var fitsHorizontalScale = false
    /// Whether curves that leave upwards are followed, however far: what they are about is to grow.
    var followsRises = false

    package init(
        title: String, xName: String, yName: String, curves: [Curve], marks: [Mark] = [],
        fitsHorizontalScale: Bool = false, followsRises: Bool = false
    ) {
        (self.title, self.xName, self.yName) = (title, xName, yName)
        (self.curves, self.marks) = (curves, marks)
        (self.fitsHorizontalScale, self.followsRises) = (fitsHorizontalScale, followsRises)
    }

    private static let size = (width: 560.0, height: 340.0)
    private static let frame = (left: 64.0, right: 548.0, top: 14.0, bottom: 292.0)

    /// The picture; nil where there is nothing to show.
    package func picture(identifier: String) -> Markup? {
        guard let (xScale, yScale) = scales() else { return nil }
        let frame = Self.frame
        func x(_ number: Double) -> Double { frame.left + (frame.right - frame.left) * xScale.place(number) }
        func y(_ number: Double) -> Double {
            // An infinite value lies a little outside, where it is cut off.
            let place = min(1.2, max(-0.2, yScale.place(number)))
            return frame.bottom - (frame.bottom - frame.top) * place
        }
        var pieces = [Markup.element("title", [:], title)]
        pieces.append(clip(identifier))
        pieces += grid(xScale, yScale, x, y)
        let drawing = marks.map { mark($0, y) } + curves.map { band($0, x, y) } + curves.map { line($0, x, y) }
        pieces.append(.element("g", ["clip-path": "url(#\(identifier))"], drawing))
        return .element(
            "svg",
            [
                "viewBox": "0 0 \(Int(Self.size.width)) \(Int(Self.size.height))", "role": "img",
                "aria-label": title,
            ], [.lines(pieces)])
    }

    /// The scales that show all medians.
    ///
    /// A curve that leaves upwards is not followed further than twice the middle of what the curves begin with, unless
    /// all are.
    private func scales() -> (x: ChartScale, y: ChartScale)? {
        let points = curves.flatMap(\.points)
        let xs = points.map(\.x)
        var ys = points.flatMap { [$0.y.median, $0.y.low, $0.y.high] }.filter(\.isFinite) + marks.map(\.y)
        let starts = curves.compactMap { $0.points.first?.y.median }.filter(\.isFinite)
        if !followsRises, let start = Spread(starts)?.median, start > 0 {
            ys.removeAll { $0 > 2 * start && $0 > (marks.map(\.y).max() ?? 0) }
        }
        guard let xLow = xs.min(), let xHigh = xs.max(), let yLow = ys.min(), let yHigh = ys.max() else { return nil }
        let xScale = fitsHorizontalScale ? ChartScale(fitting: xLow...xHigh) : ChartScale(linear: min(0, xLow)...xHigh)
        return (xScale, ChartScale(fitting: yLow...yHigh))
    }

    private func clip(_ identifier: String) -> Markup {
        let frame = Self.frame
        return .element(
            "clipPath", ["id": identifier],
            [
                .element(
                    "rect",
                    [
                        "x": number(frame.left), "y": number(frame.top), "width": number(frame.right - frame.left),
                        "height": number(frame.bottom - frame.top),
                    ])
            ])
    }

    private func grid(
        _ xScale: ChartScale, _ yScale: ChartScale, _ x: (Double) -> Double, _ y: (Double) -> Double
    ) -> [Markup] {
        let frame = Self.frame
        var pieces: [Markup] = []
        for tick in yScale.ticks(about: 6) {
            let height = y(tick)
            pieces.append(line(from: (frame.left, height), to: (frame.right, height), kind: "grid"))
            pieces.append(label(NumberText.short(tick), at: (frame.left - 8, height + 4), anchor: "end"))
        }
        for tick in xScale.ticks(about: 6) {
            let place = x(tick)
            pieces.append(line(from: (place, frame.bottom), to: (place, frame.bottom + 5), kind: "axis"))
            pieces.append(label(NumberText.short(tick), at: (place, frame.bottom + 20), anchor: "middle"))
        }
        pieces.append(line(from: (frame.left, frame.bottom), to: (frame.right, frame.bottom), kind: "axis"))
        let xTitle = xScale.isLogarithmic ? "\(xName), logarithmic" : xName
        pieces.append(label(xTitle, at: ((frame.left + frame.right) / 2, frame.bottom + 40), anchor: "middle"))
        let (nameX, nameY) = (14.0, (frame.top + frame.bottom) / 2)
        pieces.append(
            .element(
                "text",
                [
                    "x": number(nameX), "y": number(nameY), "text-anchor": "middle",
                    "transform": "rotate(-90 \(number(nameX)) \(number(nameY)))",
                ], yScale.isLogarithmic ? "\(yName), logarithmic" : yName))
        return pieces
    }

    private func mark(_ mark: Mark, _ y: (Double) -> Double) -> Markup {
        let frame = Self.frame
        let height = y(mark.y)
        let nameHeight = height < frame.top + 18 ? height + 14 : height - 5
        return .element(
            "g", [:],
            [
                line(from: (frame.left, height), to: (frame.right, height), kind: "mark"),
                label(mark.name, at: (frame.right - 4, nameHeight), anchor: "end"),
            ])
    }

    private func band(_ curve: Curve, _ x: (Double) -> Double, _ y: (Double) -> Double) -> Markup {
        let upper = curve.points.map { (x($0.x), y($0.y.high)) }
        let lower = curve.points.reversed().map { (x($0.x), y($0.y.low)) }
        return .element("polygon", ["class": "band \(Self.styleClass(curve.style))", "points": path(upper + lower)])
    }

    private func line(_ curve: Curve, _ x: (Double) -> Double, _ y: (Double) -> Double) -> Markup {
        let line = curve.points.map { (x($0.x), y($0.y.median)) }
        return .element(
            "polyline", ["class": "curve \(Self.styleClass(curve.style))", "points": path(line)],
            [.element("title", [:], curve.name)])
    }

    private func line(from start: (Double, Double), to end: (Double, Double), kind: String) -> Markup {
        .element(
            "line",
            [
                "class": kind, "x1": number(start.0), "y1": number(start.1), "x2": number(end.0),
                "y2": number(end.1),
            ])
    }

    private func label(_ text: String, at place: (Double, Double), anchor: String) -> Markup {
        .element("text", ["x": number(place.0), "y": number(place.1), "text-anchor": anchor], text)
    }

    private func path(_ points: [(Double, Double)]) -> String {
        points.map { "\(number($0.0)),\(number($0.1))" }.joined(separator: " ")
    }

    private func number(_ number: Double) -> String { String(format: "%.1f", number) }

    /// The class of a curve's number: there are eight colours with their dashes, and thinner lines for the next eight.
    static func styleClass(_ style: Int) -> String { "s\(style % 8)" + (style / 8 % 2 == 1 ? " thin" : "") }

    /// The names of curves, each with a short piece of it.
    package static func legend(_ curves: [(name: String, style: Int)]) -> Markup {
        .element("ul", ["class": "legend"], curves.map { .element("li", [:], [sample($0.style), .text($0.name)]) })
    }

    private static func sample(_ style: Int) -> Markup {
        .element(
            "svg", ["class": "sample", "viewBox": "0 0 28 10", "aria-hidden": "true"],
            [
                .element("line", ["class": "curve \(styleClass(style))", "x1": "1", "y1": "5", "x2": "27", "y2": "5"])
            ])
    }
}
