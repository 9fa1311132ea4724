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
