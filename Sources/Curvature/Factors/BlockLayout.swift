/// How a factor beyond ``FactorSettings/dimensionLimit`` is cut into dense blocks of consecutive units.
///
/// Each group is cut alike. As many blocks as possible are of one size, so that they are worked on at once; what is
/// left of the units, with the bias's coordinate, is the last block of the group.
struct BlockLayout: Sendable, Hashable {
    /// The number of groups.
    let groups: Int
    /// The number of coordinates of a unit, which stay together: the elements of a kernel, or 1.
    let elements: Int
    /// The number of units in each of the equal blocks.
    let units: Int
    /// The number of equal blocks in each group.
    let count: Int
    /// The number of units in the last block of each group; 0 if there is none.
    let rest: Int
    /// Whether the last coordinate of each group is the bias's.
    let hasBias: Bool

    /// Cuts a factor; nil if it is within the limit, or has one unit only.
    ///
    /// - Parameters:
    ///   - total: The number of units of each group.
    ///   - elements: The number of coordinates of a unit. A kernel that is larger than a block is cut, too.
    ///   - groups: The number of groups.
    ///   - hasBias: Whether the last coordinate of each group is the bias's.
    ///   - settings: Have the limit and the size of the blocks.
    init?(units total: Int, elements: Int = 1, groups: Int = 1, hasBias: Bool = false, settings: FactorSettings) {
        guard total * elements + (hasBias ? 1 : 0) > settings.dimensionLimit else { return nil }
        let most = min(settings.blockSize, settings.dimensionLimit)
        let (total, elements) = elements > most ? (total * elements, 1) : (total, elements)
        guard total > 1 else { return nil }
        let mostUnits = most / elements
        let number = max(2, (total + mostUnits - 1) / mostUnits)
        self.groups = groups
        self.elements = elements
        self.hasBias = hasBias
        units = (total + number - 1) / number
        count = (hasBias ? total - 1 : total) / units
        rest = total - count * units
    }

    /// The number of rows of each of the equal blocks.
    var size: Int { units * elements }

    /// The number of rows of the last block of each group; 0 if there is none.
    var lastSize: Int { rest == 0 ? 0 : rest * elements + (hasBias ? 1 : 0) }

    /// The number of rows and columns of the whole matrix.
    var dimension: Int { groups * (count * size + lastSize) }

    /// The number of blocks of all groups.
    var blockCount: Int { groups * (count + (rest == 0 ? 0 : 1)) }
}
