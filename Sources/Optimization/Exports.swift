// Losses and curvature appear in what optimisers take and report.
@_exported public import Curvature
