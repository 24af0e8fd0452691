import Foundation

/// A row of the table in `Sources/README.md`.
private struct Room {
    let name: String
    let ours: Set<String>
    let system: Set<String>
    let isPure: Bool
}

private func map(_ repository: Repository) -> [String: Room] {
    var rooms: [String: Room] = [:]
    for (_, line) in (repository.files["Sources/README.md"] ?? "").numbered where line.hasPrefix("| `") {
        let cells = line.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
        guard cells.count == 6, let name = quoted(cells[1]).first else { continue }
        rooms[name] = Room(
            name: name, ours: Set(quoted(cells[2])), system: Set(quoted(cells[3])),
            isPure: cells[4].contains("**pure**"))
    }
    return rooms
}

/// What stands between backquotes.
private func quoted(_ text: String) -> [String] {
    text.split(separator: "`", omittingEmptySubsequences: false).enumerated()
        .filter { $0.offset % 2 == 1 }.map { String($0.element) }
}

/// The modules that a Swift file imports, with their lines.
private func imports(_ text: String) -> [(line: Int, module: String)] {
    text.numbered.compactMap { number, line in
        let words = line.split(separator: " ")
        // `@preconcurrency import X`, `package import X`, `import struct X.Y`
        guard let place = words.firstIndex(of: "import"), place + 1 < words.count,
            words[..<place].allSatisfy({
                $0.hasPrefix("@") || ["package", "public", "internal"].contains($0)
            })
        else { return nil }
        let kinds: Set<Substring> = [
            "struct", "class", "enum", "protocol", "func", "var", "let", "typealias",
        ]
        let name =
            kinds.contains(words[place + 1]) && place + 2 < words.count ? words[place + 2] : words[place + 1]
        return (number, String(name.split(separator: ".")[0]))
    }
}

extension Rule {
    static let roomsAreOnTheMap = Rule(
        name: "every room is on the map of Sources/README.md, and every room of the map is there",
        check: { repository in
            let rooms = Set(map(repository).keys)
            let folders = Set(
                repository.paths.filter { $0.hasPrefix("Sources/") && $0.split(separator: "/").count > 2 }
                    .map { String($0.split(separator: "/")[1]) })
            return folders.subtracting(rooms).map {
                Finding(path: "Sources/\($0)", line: 0, why: "not on the map")
            }
                + rooms.subtracting(folders).map {
                    Finding(path: "Sources/README.md", line: 0, why: "there is no room \($0)")
                }
        },
        faults: [
            { $0.planting("Sources/Attic/Box.swift", "") },
            {
                $0.planting("Sources/README.md", $0.files["Sources/README.md"]! + "| `Cellar` | | | dark |\n")
            },
        ])

    static let importsFollowTheMap = Rule(
        name: "a room imports what the map allows; pure rooms no Foundation",
        check: { repository in
            let rooms = map(repository)
            var findings: [Finding] = []
            for (path, text) in repository.all(".swift") where path.hasPrefix("Sources/") {
                guard let room = rooms[String(path.split(separator: "/")[1])] else { continue }
                for (line, module) in imports(text) {
                    let isOurs = rooms[module] != nil
                    if !(isOurs ? room.ours : room.system).contains(module) {
                        findings.append(
                            Finding(path: path, line: line, why: "\(room.name) may not import \(module)"))
                    }
                }
            }
            for room in rooms.values {
                // CSHA256 is a function of its bytes as well: no clock, no input, nothing kept.
                if room.isPure
                    && (room.system.contains("Foundation") || room.system.contains("Glibc")
                        || !room.ours.allSatisfy { $0 == "CSHA256" || rooms[$0]?.isPure == true })
                {
                    findings.append(
                        Finding(path: "Sources/README.md", line: 0, why: "\(room.name) is not pure"))
                }
                if room.ours.contains("CSQLite") && room.name != "SQLite" {
                    findings.append(
                        Finding(path: "Sources/README.md", line: 0, why: "\(room.name) may import CSQLite"))
                }
            }
            return findings + circles(rooms)
        },
        faults: [
            { $0.planting("Sources/Replication/Planted.swift", "import Foundation\n") },
            { $0.planting("Sources/Merging/Planted.swift", "\n@preconcurrency import CSQLite\n") },
            { $0.planting("Sources/HTTP/Planted.swift", "import struct TableModel.TableLayout\n") },
            { replacing($0, "| `HTTP` | `JSONText` |", "| `HTTP` | `JSONText` `SQLite` |") },
            { replacing($0, "| `EventLoop` | `CLinux` |", "| `EventLoop` | `CSQLite` `CLinux` |") },
            { replacing($0, "| `CLinux` | |", "| `CLinux` | `SambandCommand` |") },
        ])

    static let manifestFollowsTheMap = Rule(
        name: "the manifest gives each room the arrows that the map allows, and no others",
        check: { repository in
            let manifest = arrows(repository.files["Package.swift"] ?? "")
            return map(repository).values.compactMap { room in
                guard let arrows = manifest[room.name], arrows != room.ours else { return nil }
                let differing = arrows.symmetricDifference(room.ours).sorted().joined(separator: ", ")
                return Finding(
                    path: "Package.swift", line: 0,
                    why: "\(room.name): manifest and Sources/README.md differ in \(differing)")
            }
        },
        faults: [
            { $0.planting("Package.swift", "room(\"HTTP\", [\"JSONText\", \"SQLite\"]),\n") },
            { $0.planting("Package.swift", ".target(\n    name: \"SambandCommand\", dependencies: [\"HTTP\"]),\n") },
            { $0.planting("Package.swift", "room(\"HTTP\"),\n") },
        ])

    /// The dependencies of each target of the manifest: the names in brackets behind `room("Name"` or `name: "Name"`.
    private static func arrows(_ manifest: String) -> [String: Set<String>] {
        var found: [String: Set<String>] = [:]
        let target = /(?:room\(|arget\(\s*name:)\s*"([\w-]+)"(?:,\s*(?:dependencies:\s*)?\[([^\]]*)\])?/
        for match in manifest.matches(of: target) {
            let names = (match.2 ?? "").split(separator: "\"", omittingEmptySubsequences: false).enumerated().filter {
                $0.offset % 2 == 1
            }
            found[String(match.1)] = Set(names.map { String($0.element) })
        }
        return found
    }

    private static func replacing(_ repository: Repository, _ old: String, _ new: String) -> Repository {
        repository.planting(
            "Sources/README.md",
            repository.files["Sources/README.md"]!.replacingOccurrences(of: old, with: new))
    }

    /// Rooms from which an arrow leads back to themselves; one finding for all of them.
    private static func circles(_ rooms: [String: Room]) -> [Finding] {
        var rest = rooms
        while let free = rest.values.first(where: { $0.ours.isDisjoint(with: rest.keys) }) {
            rest[free.name] = nil
        }
        if rest.isEmpty { return [] }
        return [
            Finding(path: "Sources/README.md", line: 0, why: "arrows lead in a circle: \(rest.keys.sorted())")
        ]
    }
}
