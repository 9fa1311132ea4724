// Shared by all optimisers, and the curvature.
@_exported public import Optimization
