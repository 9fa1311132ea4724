import Reports

extension ComparisonResults {
    /// The report as one page that needs nothing besides: no scripts, no network.
    public var page: String {
        Markup.page(
            "Comparison of optimisers: \(plan.subject.problem)",
            [
                .element("p", ["class": "status"], status), targetSection, chartSection, finalSection, choiceSection,
                trialSection, planSection,
            ])
    }

    /// How far the comparison is.
    private var status: String {
        if isComplete { return "Complete: \(records.count) runs." }
        return "Not complete: \(records.count) of \(runCount) runs are done. What follows is what there is so far."
    }

    private var chartSection: Markup {
        let metrics = measuredMetrics
        let legend = plan.methods.enumerated().filter { !finalRuns(of: $1).isEmpty }.map { index, method in
            (name: method.label, style: index)
        }
        guard !legend.isEmpty else { return .section("Curves", [.element("p", [:], "No final run is done yet.")]) }
        let explanation =
            "Lines are medians over the seeds, bands go from the least to the greatest value. Against seconds, a "
            + "point stands at the median of the seeds' times."
        let pictures = metrics.flatMap { metric in
            [Markup.element("h3", [:], metric.title.capitalizedFirst)]
                + [.element("div", ["class": "charts"], charts(of: metric))]
        }
        return .section(
            "Curves", [.element("p", [:], explanation), Chart.legend(legend)] + pictures)
    }

    /// A metric against steps and against seconds.
    private func charts(of metric: ComparisonMetric) -> [Markup] {
        let marks =
            metric == plan.metric
            ? plan.targets.compactMap { target in value(of: target).map { (name: "\(target)", y: $0) } } : []
        let axes: [(name: String, place: (CurvePoint) -> Double)] = [
            ("steps", { Double($0.step) }), ("seconds", \.seconds),
        ]
        return axes.compactMap { axis in
            let curves = plan.methods.enumerated().map { index, method in
                Chart.Curve(
                    name: method.label, style: index,
                    points: curve(of: metric, method).map { (x: axis.place($0), y: $0.value) })
            }
            let chart = Chart(
                title: "\(metric.title) against \(axis.name)", xName: axis.name, yName: metric.title,
                curves: curves.filter { !$0.points.isEmpty }, marks: marks)
            return chart.picture(identifier: "\(metric.rawValue)-\(axis.name)")
        }
    }
}

extension String {
    /// The text with its first letter in upper case.
    var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}
