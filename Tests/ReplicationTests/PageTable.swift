import Foundation
import Testing

/// A table of `Protocol/` that is made from the code: it stands between `<!-- NAME: … -->` and `<!-- end of NAME -->`.
/// With RECORD_SNAPSHOTS set it is written instead of compared.
struct PageTable {
    let page: String
    let name: String

    private var file: URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent(page)
    }

    func expect(_ table: String) throws {
        let text = try String(contentsOf: file, encoding: .utf8)
        let begin = try #require(text.range(of: "<!-- \(name): "), "\(page) has no place for the table \(name)")
        let first = try #require(text.range(of: "-->\n", range: begin.upperBound..<text.endIndex))
        let end = try #require(text.range(of: "<!-- end of \(name) -->", range: first.upperBound..<text.endIndex))
        let place = first.upperBound..<end.lowerBound
        if ProcessInfo.processInfo.environment["RECORD_SNAPSHOTS"] != nil {
            try text.replacingCharacters(in: place, with: table).write(to: file, atomically: true, encoding: .utf8)
        } else {
            #expect(text[place] == table, "\(page) differs from the code: RECORD_SNAPSHOTS=1 writes it anew")
        }
    }
}
