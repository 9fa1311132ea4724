// What all optimisers share, and the curvature.
@_exported public import Optimization
