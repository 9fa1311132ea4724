public import Foundation

#if canImport(FoundationXML)
    public import FoundationXML
#endif

/// Collects what a page consists of.
public final class PageReader: NSObject, XMLParserDelegate {
    /// The elements, in order.
    public private(set) var elements: [(name: String, attributes: [String: String])] = []
    /// The texts between them.
    public private(set) var texts: [String] = []
    /// Why it cannot be read to its end.
    public private(set) var fault: (any Error)?

    /// Reads a page.
    public init(_ page: String) {
        super.init()
        let parser = XMLParser(data: Data(page.utf8))
        parser.delegate = self
        if !parser.parse() { fault = parser.parserError }
    }

    public func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
        attributes: [String: String]
    ) { elements.append((name, attributes)) }

    public func parser(_ parser: XMLParser, foundCharacters string: String) { texts.append(string) }

    /// The number of elements of a name.
    public func count(_ name: String) -> Int { elements.count { $0.name == name } }
}
