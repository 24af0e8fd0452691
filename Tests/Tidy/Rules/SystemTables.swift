import Foundation

/// The rooms that may name each table of Samband's own, as the table in `Sources/README.md` has them.
private func tables(_ repository: Repository) -> [String: Set<String>] {
    var rooms: [String: Set<String>] = [:]
    for (_, line) in (repository.files["Sources/README.md"] ?? "").numbered where line.hasPrefix("| `samband_") {
        let names = line.split(separator: "`", omittingEmptySubsequences: false).enumerated()
            .filter { $0.offset % 2 == 1 }.map { String($0.element) }
        rooms[names[0], default: []].formUnion(names.dropFirst())
    }
    return rooms
}

/// The names that begin with `samband_` in a line, without what a comment says.
private func names(_ line: Substring) -> [Substring] {
    guard line.contains("samband_"), !line.drop(while: { $0 == " " }).hasPrefix("//") else { return [] }
    let code = line.firstRange(of: "-- ").map { line[..<$0.lowerBound] } ?? line
    return code.split(whereSeparator: { !($0.isLetter || $0.isNumber || $0 == "_") }).filter {
        $0.hasPrefix("samband_")
    }
}

extension Rule {
    /// The room that makes snapshots lists all tables: that is its work.
    private static let lister = "Snapshots"

    static let tablesHaveTheirRooms = Rule(
        name: "a table of Samband's own is named by the rooms of Sources/README.md alone",
        check: { repository in
            let map = tables(repository)
            var findings: [Finding] = []
            var named: [String: Set<String>] = [:]
            for (path, text) in repository.all(".swift") + repository.all(".sql") where path.hasPrefix("Sources/") {
                let room = String(path.split(separator: "/")[1])
                if room == lister { continue }
                for (number, line) in text.numbered {
                    for name in names(line).map(String.init) {
                        if let rooms = map[name] {
                            named[name, default: []].insert(room)
                            if rooms.contains(room) { continue }
                            findings.append(
                                Finding(path: path, line: number, why: "\(name) is not for \(room) to read or write"))
                        } else if line.contains("CREATE TABLE \(name)")
                            || line.contains("CREATE TABLE IF NOT EXISTS \(name)")
                        {
                            findings.append(
                                Finding(path: path, line: number, why: "\(name) is not in the list of tables"))
                        }
                    }
                }
            }
            for (table, rooms) in map {
                for room in rooms.subtracting(named[table] ?? []) {
                    findings.append(
                        Finding(path: "Sources/README.md", line: 0, why: "\(room) does not name \(table) any more"))
                }
            }
            return findings
        },
        faults: [
            { $0.planting("Sources/HTTP/Raw.swift", #"let sql = "SELECT who FROM samband_audit""#) },
            { $0.planting("Sources/OrderedLog/New.sql", "CREATE TABLE samband_new(id INTEGER) STRICT;") },
            {
                $0.planting(
                    "Sources/README.md", $0.files["Sources/README.md"]! + "\n| `samband_audit` | `HTTPServer` |\n")
            },
        ])
}
