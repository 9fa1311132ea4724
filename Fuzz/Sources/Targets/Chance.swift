/// Numbers by chance that follow from a seed: SplitMix64 (Steele, Lea & Flood 2014).
package struct Chance {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    /// A number from 0 to below a bound.
    package mutating func below(_ bound: Int) -> Int {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return Int((z ^ (z >> 31)) % UInt64(bound))
    }

    /// One of some values.
    package mutating func pick<Value>(_ values: [Value]) -> Value { values[below(values.count)] }
}
