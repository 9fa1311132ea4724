// Shared by all optimisers.
@_exported public import Optimization
