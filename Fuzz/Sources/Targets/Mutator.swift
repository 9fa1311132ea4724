/// Makes damaged inputs out of good ones; the same ones for the same seed.
///
/// What it knows of inputs is what breaks parsers: lengths at the front of a file, numbers and brackets in a text, ends
/// that come too early, parts that stand twice.
public struct Mutator {
    private let corpus: [[UInt8]]
    private let isText: Bool
    private let repair: (@Sendable (inout [UInt8]) -> Void)?
    private let rewrite: (@Sendable (inout [UInt8], inout Chance) -> Void)?
    private var chance: Chance

    /// Creates a mutator.
    ///
    /// - Parameter corpus: Inputs to begin with, at least one.
    public init(_ target: FuzzTarget, corpus: [[UInt8]], seed: UInt64) {
        self.corpus = corpus
        isText = target.isText
        repair = target.repair
        rewrite = target.rewrite
        chance = Chance(seed: seed)
    }

    /// The next input.
    public mutating func next() -> [UInt8] {
        var bytes = corpus[below(corpus.count)]
        if let rewrite, below(4) != 0 {
            for _ in 0...[0, 0, 0, 1, 2, 5][below(6)] { rewrite(&bytes, &chance) }
            return bytes
        }
        // Mostly one change: more seldom get past the first check.
        for _ in 0...[0, 0, 0, 1, 2, 5][below(6)] { change(&bytes) }
        if let repair, below(2) == 0 { repair(&bytes) }
        return bytes
    }

    private mutating func change(_ bytes: inout [UInt8]) {
        let isLikeText = isText || repair != nil && below(2) == 0
        switch below(isLikeText ? 16 : 9) {
        case 0: flip(&bytes)
        case 1: replaceByte(&bytes)
        case 2: bytes.removeLast(below(bytes.count + 1))
        case 3: bytes += repeated()
        case 4, 5: writeInteger(&bytes)
        case 6: splice(&bytes)
        case 7: duplicate(&bytes)
        case 8: remove(&bytes)
        case 9...12: replaceNumber(&bytes)
        case 13: insertSymbols(&bytes)
        case 14: nest(&bytes)
        default: replaceWord(&bytes)
        }
    }

    // MARK: Bytes

    private mutating func flip(_ bytes: inout [UInt8]) {
        guard let place = place(in: bytes) else { return }
        bytes[place] ^= 1 << UInt8(below(8))
    }

    private mutating func replaceByte(_ bytes: inout [UInt8]) {
        guard let place = place(in: bytes) else { return }
        bytes[place] = [0, 1, 0x7f, 0x80, 0xff, UInt8(below(256))][below(6)]
    }

    private mutating func repeated() -> [UInt8] {
        [UInt8](repeating: UInt8(below(256)), count: [1, 2, 3, 8, 100, 3073, 70_000][below(7)])
    }

    /// Writes an extreme number where one may be: often near the beginning, in either order of bytes.
    private mutating func writeInteger(_ bytes: inout [UInt8]) {
        let size = [1, 2, 4, 8][below(4)]
        guard bytes.count >= size else { return }
        let reach = below(3) == 0 ? bytes.count - size : min(bytes.count - size, 32)
        let place = below(reach + 1)
        let power = UInt64(1) << UInt64(below(64))
        let number = [power, power &- 1, 0 &- power, 0, .max, UInt64(bytes.count), 0x8000_0000][below(7)]
        for index in 0..<size {
            bytes[place + index] = UInt8(truncatingIfNeeded: number >> (8 * UInt64(index)))
        }
        if below(2) == 0 { bytes[place..<place + size].reverse() }
    }

    /// The beginning of one input and the end of another.
    private mutating func splice(_ bytes: inout [UInt8]) {
        let other = corpus[below(corpus.count)]
        bytes = Array(bytes.prefix(below(bytes.count + 1)) + other.suffix(below(other.count + 1)))
    }

    private mutating func duplicate(_ bytes: inout [UInt8]) {
        let part = range(in: bytes)
        bytes.insert(contentsOf: Array(bytes[part]), at: below(2) == 0 ? part.upperBound : below(bytes.count + 1))
    }

    private mutating func remove(_ bytes: inout [UInt8]) { bytes.removeSubrange(range(in: bytes)) }

    // MARK: Texts

    /// Numbers at the ends of what types hold, and what is none.
    package static let numbers = [
        "0", "-1", "-0", "+1", "01", "1.5", "1e0", "1e400", "-1e400", "1e-400", "5e-324", "1.7976931348623157e308",
        "2147483648", "4294967296", "4611686018427387904", "9007199254740993", "9223372036854775807",
        "9223372036854775808", "-9223372036854775808", "18446744073709551616", "1" + String(repeating: "0", count: 400),
        "0x10", "0x1p1023", "NaN", "nan", "inf", "-inf", "Infinity", "", "٣", "1_000", " 1", "true", "null", "\"1\"",
        "[]", "{}",
    ]

    private static let words = [
        "\"dtype\":\"U8\"", "\"shape\":[0]", "\"__metadata__\":{}", "\"data_offsets\":[0,0]", "\\ud800", "\\u0000",
        "\u{feff}", "e\u{301}", "\u{1f986}", "\r\n", ",,", "\"\":", "best:", "cuda:", "65536x65536", "step/", ":", "=",
        "\0",
    ]

    /// Replaces a run of digits.
    private mutating func replaceNumber(_ bytes: inout [UInt8]) {
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        guard let start = place(in: bytes), let first = bytes[start...].firstIndex(where: digits.contains) else {
            return
        }
        let end = bytes[first...].firstIndex { !digits.contains($0) } ?? bytes.count
        bytes.replaceSubrange(first..<end, with: Self.numbers[below(Self.numbers.count)].utf8)
    }

    private mutating func insertSymbols(_ bytes: inout [UInt8]) {
        let symbols = Array("{}[]\",:\\-+.eE0123456789 \n/x".utf8)
        bytes.insert(symbols[below(symbols.count)], at: below(bytes.count + 1))
    }

    /// Puts more levels into a text than a stack has room for.
    private mutating func nest(_ bytes: inout [UInt8]) {
        let opening = ["[", "{\"x\":", "[[],", "{\"a\":0,\"x\":"][below(4)]
        let text = String(repeating: opening, count: [1, 10, 600, 20_000][below(4)])
        bytes.insert(contentsOf: Array(text.utf8), at: below(bytes.count + 1))
    }

    private mutating func replaceWord(_ bytes: inout [UInt8]) {
        let part = range(in: bytes)
        let isReplaced = below(2) == 0
        bytes.replaceSubrange(
            isReplaced ? part : part.lowerBound..<part.lowerBound, with: Self.words[below(Self.words.count)].utf8)
    }

    // MARK: Chance

    private mutating func place(in bytes: [UInt8]) -> Int? {
        guard !bytes.isEmpty else { return nil }
        // What stands first is what decides.
        return below(2) == 0 ? below(min(bytes.count, 64)) : below(bytes.count)
    }

    private mutating func range(in bytes: [UInt8]) -> Range<Int> {
        let start = below(bytes.count + 1)
        let length = below(4) == 0 ? below(bytes.count - start + 1) : min(below(17), bytes.count - start)
        return start..<start + length
    }

    private mutating func below(_ bound: Int) -> Int { chance.below(bound) }
}
