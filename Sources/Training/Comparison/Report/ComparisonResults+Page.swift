extension ComparisonResults {
    /// The report as one page that needs nothing besides: no scripts, no network.
    public var page: String {
        let heading = "Comparison of optimisers: \(plan.subject.problem)"
        let body: [Markup] = [
            .element("h1", [:], heading), .element("p", ["class": "status"], status), targetSection, chartSection,
            finalSection, choiceSection, trialSection, planSection,
        ]
        let head: [Markup] = [
            .element("meta", ["charset": "utf-8"]),
            .element("meta", ["name": "viewport", "content": "width=device-width, initial-scale=1"]),
            .element("meta", ["name": "color-scheme", "content": "light dark"]),
            .element("title", [:], heading), .style(PageStyle.css),
        ]
        let page = Markup.element(
            "html", ["lang": "en"],
            [.element("head", [:], [.lines(head)]), .element("body", [:], [.lines(body)])])
        return "<!DOCTYPE html>\n\(page)\n"
    }

    /// How far the comparison is.
    private var status: String {
        if isComplete { return "Complete: \(records.count) runs." }
        return "Not complete: \(records.count) of \(runCount) runs are done. What follows is what there is so far."
    }

    private var chartSection: Markup {
        let metrics = measuredMetrics
        let legend = plan.methods.enumerated().filter { !finalRuns(of: $1).isEmpty }.map { index, method in
            Markup.element("li", [:], [Chart.sample(index), .text(method.label)])
        }
        guard !legend.isEmpty else { return section("Curves", [.element("p", [:], "No final run is done yet.")]) }
        let explanation =
            "Lines are medians over the seeds, bands go from the least to the greatest value. Against seconds, a "
            + "point stands at the median of the seeds' times."
        let pictures = metrics.flatMap { metric in
            [Markup.element("h3", [:], metric.title.capitalizedFirst)]
                + [.element("div", ["class": "charts"], charts(of: metric))]
        }
        return section(
            "Curves", [.element("p", [:], explanation), .element("ul", ["class": "legend"], legend)] + pictures)
    }

    /// A metric against steps and against seconds.
    private func charts(of metric: ComparisonMetric) -> [Markup] {
        let marks =
            metric == plan.metric
            ? plan.targets.compactMap { target in value(of: target).map { Chart.Mark(name: "\(target)", y: $0) } } : []
        let axes: [(name: String, place: (CurvePoint) -> Double)] = [
            ("steps", { Double($0.step) }), ("seconds", \.seconds),
        ]
        return axes.compactMap { axis in
            let curves = plan.methods.enumerated().map { index, method in
                Chart.Curve(
                    name: method.label, style: index,
                    points: curve(of: metric, method).map { Chart.Point(x: axis.place($0), y: $0.value) })
            }
            let chart = Chart(
                title: "\(metric.title) against \(axis.name)", xName: axis.name, yName: metric.title,
                curves: curves.filter { !$0.points.isEmpty }, marks: marks)
            return chart.picture(identifier: "\(metric.rawValue)-\(axis.name)")
        }
    }

    /// A part of the page.
    func section(_ title: String, _ content: [Markup]) -> Markup {
        .element("section", [:], [.lines([.element("h2", [:], title)] + content)])
    }
}

extension String {
    /// The text with its first letter in upper case.
    var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}
