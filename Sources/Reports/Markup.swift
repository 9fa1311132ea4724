/// A piece of a page, in the syntax that HTML and XML have in common.
///
/// Only ``element(_:_:_:)`` writes tags and only ``text(_:)`` writes text, so that tags are closed and text is escaped.
package struct Markup: CustomStringConvertible {
    package let description: String

    private init(_ description: String) { self.description = description }

    /// A text.
    package static func text(_ text: String) -> Markup { Markup(escaped(text)) }

    /// An element with attributes and content.
    package static func element(
        _ name: String, _ attributes: KeyValuePairs<String, String> = [:], _ content: [Markup] = []
    ) -> Markup {
        let attributes = attributes.map { " \($0)=\"\(escaped($1))\"" }.joined()
        if content.isEmpty && emptyElements.contains(name) { return Markup("<\(name)\(attributes)/>") }
        return Markup("<\(name)\(attributes)>\(content.map(\.description).joined())</\(name)>")
    }

    /// An element with a text.
    package static func element(
        _ name: String, _ attributes: KeyValuePairs<String, String> = [:], _ text: String
    ) -> Markup { element(name, attributes, [.text(text)]) }

    /// Pieces one after the other, each on a line of its own.
    package static func lines(_ pieces: [Markup]) -> Markup { Markup(pieces.map { "\($0)\n" }.joined()) }

    /// A part of a page, under a heading.
    package static func section(_ title: String, _ content: [Markup]) -> Markup {
        element("section", [:], [lines([element("h2", [:], title)] + content)])
    }

    /// A whole page that needs nothing besides: no scripts, no network.
    package static func page(_ title: String, _ content: [Markup]) -> String {
        let head = [
            element("meta", ["charset": "utf-8"]),
            element("meta", ["name": "viewport", "content": "width=device-width, initial-scale=1"]),
            element("meta", ["name": "color-scheme", "content": "light dark"]),
            element("title", [:], title), Markup("<style>\n\(PageStyle.css)\n</style>"),
        ]
        let body = [element("h1", [:], title)] + content
        let page = element(
            "html", ["lang": "en"], [element("head", [:], [lines(head)]), element("body", [:], [lines(body)])])
        return "<!DOCTYPE html>\n\(page)\n"
    }

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

/// A table of a page: names in the first column, texts and numbers in the others.
package struct PageTable {
    /// The heads of the columns.
    var columns: [String]
    /// The cells, row by row, as many as columns.
    package var rows: [[String]]
    /// The rows that are to stand out.
    package var emphasized: Set<Int> = []

    package init(columns: [String], rows: [[String]] = []) { (self.columns, self.rows) = (columns, rows) }

    /// The table, which can be scrolled where it is too wide; nothing where it has no rows.
    package var markup: Markup {
        guard !rows.isEmpty else { return .lines([]) }
        let head = Markup.element("tr", [:], columns.map { .element("th", ["scope": "col"], $0) })
        let body = rows.enumerated().map { index, cells in
            Markup.element(
                "tr", emphasized.contains(index) ? ["class": "chosen"] : [:],
                cells.enumerated().map { $0 == 0 ? .element("th", ["scope": "row"], $1) : .element("td", [:], $1) })
        }
        let table = Markup.element(
            "table", [:], [.element("thead", [:], [head]), .element("tbody", [:], [.lines(body)])])
        return .element("div", ["class": "table"], [table])
    }
}
