import Torch

/// The plans of one layer's statistics, made when a shape of input is first seen.
final class PatchPlans {
    /// The treatment of an input.
    enum Plan {
        case patches
        case lags(LagPlan)
    }

    private struct Key: Hashable {
        var shape: [Int]
        var geometry: ConvolutionGeometry
        var form: StatisticsForm
    }

    private let model: CostModel
    private var plans: [Key: Plan] = [:]

    /// Creates plans that follow these rates.
    init(model: CostModel = .nominal) { self.model = model }

    /// The plan for inputs [batch, channels, spatial...] in a form that is not the plain one.
    func plan(for shape: [Int], geometry: ConvolutionGeometry, form: StatisticsForm) -> Plan {
        // The number of images decides nothing: the last batch, which may be smaller, has the plan of the others.
        let key = Key(shape: Array(shape.dropFirst()), geometry: geometry, form: form)
        if let plan = plans[key] { return plan }
        let plan = make(for: shape, geometry: geometry, form: form)
        plans[key] = plan
        return plan
    }

    private func make(for shape: [Int], geometry: ConvolutionGeometry, form: StatisticsForm) -> Plan {
        let spatial = Array(shape.dropFirst(2))
        func lags(_ edges: LagPlan.Edges) -> Plan {
            .lags(LagPlan(spatial: spatial, geometry: geometry, edges: edges))
        }
        switch form {
        case .plain, .patches: return .patches
        case .lags: return lags(.divided)
        case .windowedLags: return lags(.windows(LagPlan.window(channels: shape[1] / geometry.groups)))
        case .automatic:
            let plan = FormChoice(shape: shape, geometry: geometry, model: model).chosen.plan
            return plan.map { .lags($0) } ?? .patches
        }
    }
}
