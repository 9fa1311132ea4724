/// Reads JSON text from front to back and keeps nothing of it.
///
/// For texts whose form is known: the caller says what comes next. Unlike Foundation's reader it refuses an object with
/// a key twice, of which one would win unseen, and needs no memory for what nobody asks for.
struct JSONScanner {
    /// Why a text cannot be read.
    struct Fault: Error {
        let reason: String
    }

    private let bytes: [UInt8]
    private var position = 0

    /// More levels of arrays and objects than anybody needs are not followed: each takes some of the stack.
    private static let mostLevels = 64

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The next byte that is no space; nil at the end.
    mutating func peek() -> UInt8? {
        while position < bytes.count, [0x20, 0x0a, 0x0d, 0x09].contains(bytes[position]) { position += 1 }
        return position < bytes.count ? bytes[position] : nil
    }

    /// Passes a byte if it comes next.
    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard peek() == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    /// Passes a byte that must come next.
    mutating func expect(_ character: Unicode.Scalar) throws(Fault) {
        guard take(character) else { throw fault("'\(character)' should be") }
    }

    /// Makes sure that nothing follows.
    mutating func expectEnd() throws(Fault) {
        guard peek() == nil else { throw fault("the end should be") }
    }

    /// Reads an object; `member` is called behind each key and must pass the value.
    mutating func object(_ member: (inout JSONScanner, String) throws(Fault) -> Void) throws(Fault) {
        try expect("{")
        var keys: Set<String> = []
        guard !take("}") else { return }
        repeat {
            let key = try text()
            guard keys.insert(key).inserted else { throw Fault(reason: "it has the key '\(key)' twice") }
            try expect(":")
            try member(&self, key)
        } while take(",")
        try expect("}")
    }

    /// Reads an array; `element` is called in front of each element and must pass it.
    mutating func array(_ element: (inout JSONScanner) throws(Fault) -> Void) throws(Fault) {
        try expect("[")
        guard !take("]") else { return }
        repeat { try element(&self) } while take(",")
        try expect("]")
    }

    /// Passes a value; the text where it is one.
    mutating func textIfAny() throws(Fault) -> String? {
        guard peek() == UInt8(ascii: "\"") else {
            try skip()
            return nil
        }
        return try text()
    }

    /// Passes a value; the numbers where it is an array of nothing but integers of 64 bits.
    mutating func integersIfAny() throws(Fault) -> [Int]? {
        guard peek() == UInt8(ascii: "[") else {
            try skip()
            return nil
        }
        var numbers: [Int]? = []
        try array { (scanner) throws(Fault) in
            if let number = try scanner.integerIfAny() { numbers?.append(number) } else { numbers = nil }
        }
        return numbers
    }

    private mutating func integerIfAny() throws(Fault) -> Int? {
        guard let next = peek(), next == UInt8(ascii: "-") || Self.isDigit(next) else {
            try skip()
            return nil
        }
        return Int(try number())
    }

    /// Passes a value, whatever it is.
    mutating func skip(level: Int = 0) throws(Fault) {
        guard level < Self.mostLevels else { throw fault("less than \(Self.mostLevels) levels should be") }
        switch peek() {
        case UInt8(ascii: "{"):
            try object { (scanner, _) throws(Fault) in try scanner.skip(level: level + 1) }
        case UInt8(ascii: "["): try array { (scanner) throws(Fault) in try scanner.skip(level: level + 1) }
        case UInt8(ascii: "\""): _ = try text()
        case UInt8(ascii: "t"): try word("true")
        case UInt8(ascii: "f"): try word("false")
        case UInt8(ascii: "n"): try word("null")
        default: _ = try number()
        }
    }

    private mutating func word(_ word: String) throws(Fault) {
        guard bytes[position...].starts(with: word.utf8) else { throw fault("'\(word)' should be") }
        position += word.utf8.count
    }

    /// Reads a number as it is written.
    private mutating func number() throws(Fault) -> String {
        _ = peek()
        let start = position
        if current == UInt8(ascii: "-") { position += 1 }
        let hasLeadingZero = current == UInt8(ascii: "0")
        let digits = try passDigits()
        guard !hasLeadingZero || digits == 1 else { throw fault("a number without leading zeros should be") }
        if current == UInt8(ascii: ".") {
            position += 1
            _ = try passDigits()
        }
        if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
            position += 1
            if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { position += 1 }
            _ = try passDigits()
        }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private mutating func passDigits() throws(Fault) -> Int {
        let start = position
        while let next = current, Self.isDigit(next) { position += 1 }
        guard position > start else { throw fault("a value should be") }
        return position - start
    }

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private func fault(_ expectation: String) -> Fault { Fault(reason: "\(expectation) at its byte \(position)") }
}

extension JSONScanner {
    /// Reads a text.
    mutating func text() throws(Fault) -> String {
        try expect("\"")
        let start = position
        var content: [UInt8] = []
        while let next = current, next != UInt8(ascii: "\"") {
            guard next >= 0x20 else { throw fault("a text without control characters should be") }
            position += 1
            if next == UInt8(ascii: "\\") { content += try escaped() } else { content.append(next) }
        }
        guard let text = String(validating: content, as: UTF8.self) else {
            throw Fault(reason: "the text at its byte \(start) should be UTF-8")
        }
        try expect("\"")
        return text
    }

    /// Reads what follows a backslash.
    private mutating func escaped() throws(Fault) -> [UInt8] {
        guard let next = current else { throw fault("the rest of a text should be") }
        position += 1
        switch next {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [next]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0c]
        case UInt8(ascii: "n"): return [0x0a]
        case UInt8(ascii: "r"): return [0x0d]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "u"): return try unicode()
        default: throw fault("a known escape should be")
        }
    }

    /// Reads the digits of a character, and those of the second half of a pair.
    private mutating func unicode() throws(Fault) -> [UInt8] {
        let start = position
        var code = try hexadecimal()
        if (0xd800..<0xdc00).contains(code), bytes[position...].starts(with: "\\u".utf8) {
            position += 2
            let second = try hexadecimal()
            code = (0xdc00..<0xe000).contains(second) ? 0x10000 + (code - 0xd800) << 10 + (second - 0xdc00) : 0xd800
        }
        guard let scalar = Unicode.Scalar(code) else {
            throw Fault(reason: "the escape at its byte \(start) should be a character")
        }
        return Array(String(Character(scalar)).utf8)
    }

    private mutating func hexadecimal() throws(Fault) -> UInt32 {
        let digits = bytes[position...].prefix(4)
        guard digits.count == 4, digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
            let code = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
        else { throw fault("four hexadecimal digits should be") }
        position += 4
        return code
    }
}
