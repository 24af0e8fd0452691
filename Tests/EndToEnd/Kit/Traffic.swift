import Foundation
import HTTP
import JSONText
import Synchronization

/// Programs that write at a site without a pause, and everything they were told is committed.
final class Traffic: Sendable {
    private let fleet: RealFleet
    private let writers: [ChildProcess]
    private let stopFile: String
    private let shells: [Task<[String: Int64], any Error>]

    /// Starts two Python programs and, at the first site, one that runs the sqlite3 shell for every transaction.
    init(_ fleet: RealFleet, seed: UInt64) throws {
        self.fleet = fleet
        let stop = fleet.folder.file("stop-traffic")
        stopFile = stop
        writers = try fleet.sites.flatMap { site in
            try ["a", "b"].map { letter in
                try fleet.spawn(
                    "writer \(site) \(letter)", Programs.python,
                    [
                        Programs.script("traffic.py"), fleet.database(site), site, "\(site)-\(letter)",
                        "\(seed)", stop,
                    ])
            }
        }
        shells = fleet.sites.prefix(1).map { site in
            Task { try await Traffic.writeByShell(fleet, site, until: stop) }
        }
    }

    /// Rows of its own, each written three times and some deleted.
    private static func writeByShell(
        _ fleet: RealFleet, _ site: String, until stop: String
    ) async throws -> [String: Int64] {
        var known: [String: Int64] = [:]
        var count = 0
        while !FileManager.default.fileExists(atPath: stop) {
            count += 1
            let id = "\(site)-shell-\(count / 3)"
            let value = Int64(count % 3 + 1)
            try await fleet.write(
                site,
                """
                INSERT INTO own VALUES('\(id)', \(value), 'shell') ON CONFLICT(id) DO UPDATE SET value = excluded.value
                """)
            known[id] = value
        }
        return known
    }

    /// How many transactions have been acknowledged so far.
    var count: Int { writers.reduce(0) { $0 + $1.output.split(separator: "\n").count } }

    /// Lets the programs end and gathers what they know.
    func stop() async throws -> Acknowledged {
        try Data().write(to: URL(fileURLWithPath: stopFile))
        var all = Acknowledged()
        for writer in writers {
            let status = try await writer.end()
            guard status == 0 else {
                throw ChildProcess.Failure(description: "a writer ended: \(writer.errors)")
            }
            for line in writer.output.split(separator: "\n") { all.add(try JSON(parsing: Array(line.utf8))) }
        }
        for shell in shells {
            for (id, value) in try await shell.value { all.own[id] = .some(value) }
        }
        return all
    }
}

/// What programs were told is committed.
struct Acknowledged {
    /// The last value of rows that one program alone writes; nil when it deleted the row.
    var own: [String: Int64?] = [:]
    /// Writes of cells of rows that everybody writes.
    var shared: [SharedWrite] = []
    /// Keys of bookings and their notes.
    var booked: Set<String> = []
    var transactions = 0

    mutating func add(_ line: JSON) {
        transactions += 1
        for member in line["own"]?.object?.members ?? [] { own[member.name] = .some(member.value.integer) }
        shared += (line["shared"]?.array ?? []).compactMap(SharedWrite.init)
        booked.formUnion((line["booked"]?.array ?? []).compactMap(\.string))
    }

    /// The rows of `own` as they have to stand, in order.
    var ownRows: [String] {
        own.compactMap { id, value in value.map { "\(id)|\($0)" } }.sorted()
    }
}

/// One write of one cell that everybody writes, and what its writer knew.
struct SharedWrite: Sendable {
    let row: Int64
    let column: String
    /// Written once in all; nil when the row was deleted.
    let value: String?
    /// What stood there before, in the same transaction.
    let read: String?
    let site: String
    /// The vector clock of the site's database at the write.
    let seen: JSON
    /// Orders the writes of one site.
    let at: Int64

    init?(_ json: JSON) {
        guard let row = json["row"]?.integer, let column = json["column"]?.string,
            let site = json["site"]?.string,
            let seen = json["seen"], let at = json["at"]?.integer
        else { return nil }
        self.row = row
        self.column = column
        value = json["value"]?.string
        read = json["read"]?.string
        self.site = site
        self.seen = seen
        self.at = at
    }

    /// True when this one was made with knowledge of another of the same cell, which travelled in change set `dot`.
    func knew(_ other: SharedWrite, in dot: String?) -> Bool {
        guard row == other.row, column == other.column, at != other.at else { return false }
        if read == other.value, read != nil { return true }
        if site == other.site { return at > other.at }
        guard let parts = dot?.split(separator: ":"), parts.count == 2, let seq = Int64(parts[1]) else {
            return false
        }
        return (seen[String(parts[0])]?.integer ?? 0) >= seq
    }
}
