// What all optimisers share.
@_exported public import Optimization
