/// A piece of a page, in the syntax that HTML and XML have in common.
///
/// Only ``element(_:_:_:)`` writes tags and only ``text(_:)`` writes text, so that tags are closed and text is escaped.
struct Markup: CustomStringConvertible {
    let description: String

    private init(_ description: String) { self.description = description }

    /// A text.
    static func text(_ text: String) -> Markup { Markup(escaped(text)) }

    /// An element with attributes and content.
    static func element(
        _ name: String, _ attributes: KeyValuePairs<String, String> = [:], _ content: [Markup] = []
    ) -> Markup {
        let attributes = attributes.map { " \($0)=\"\(escaped($1))\"" }.joined()
        if content.isEmpty && emptyElements.contains(name) { return Markup("<\(name)\(attributes)/>") }
        return Markup("<\(name)\(attributes)>\(content.map(\.description).joined())</\(name)>")
    }

    /// An element with a text.
    static func element(
        _ name: String, _ attributes: KeyValuePairs<String, String> = [:], _ text: String
    ) -> Markup { element(name, attributes, [.text(text)]) }

    /// Pieces one after the other, each on a line of its own.
    static func lines(_ pieces: [Markup]) -> Markup { Markup(pieces.map { "\($0)\n" }.joined()) }

    /// A style sheet, which is not escaped.
    static func style(_ css: String) -> Markup { Markup("<style>\n\(css)\n</style>") }

    /// Elements that HTML lets have no end tag of their own.
    private static let emptyElements: Set = [
        "meta", "br", "line", "path", "rect", "circle", "polyline", "polygon",
    ]

    private static func escaped(_ text: String) -> String {
        var result = ""
        for character in text.unicodeScalars {
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            // Control characters, which are not allowed in a page.
            case "\u{0}"..."\u{8}", "\u{B}", "\u{C}", "\u{E}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{FFFE}", "\u{FFFF}":
                result += "\u{FFFD}"
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }
}
