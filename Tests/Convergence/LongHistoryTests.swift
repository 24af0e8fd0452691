import Foundation
import Replication
import SimulationKit
import Testing

@testable import HubDatabase
@testable import NodeDatabase
@testable import OrderedLog

/// That memory is bounded by a change set and its keys, and the log by what was written (promise 9).
@Suite("A long history")
struct LongHistoryTests {
    @Test("what hub and nodes hold in memory stays within its room, and the log is what was written")
    func held() throws {
        var history = try LongHistory()
        for round in 0..<400 {
            try history.play(round)
            if let excess = try history.excess() { throw Broken("bounded: round \(round): \(excess)") }
        }
        #expect(history.resets > 1, "its rooms were never full")
    }

    @Test("a planted fault: memory that is never given back is noticed", arguments: LongHistory.Leak.allCases)
    func planted(leak: LongHistory.Leak) throws {
        var history = try LongHistory(leak: leak)
        for round in 0..<400 {
            try history.play(round)
            guard let excess = try history.excess() else { continue }
            #expect(excess.contains(leak.holder), "\(leak) was taken for something else: \(excess)")
            return
        }
        Issue.record("\(leak) went unnoticed")
    }

    /// A process of its own, so that nobody else's memory is measured.
    @Test("the memory of a process with a hub and its nodes does not grow with the log")
    func process() async {
        await #expect(processExitsWith: .success) {
            var history = try LongHistory()
            for round in 0..<300 { try history.play(round) }
            let before = try LongHistory.residentBytes()
            let logBefore = try history.logBytes()
            for round in 300..<600 { try history.play(round) }
            let grown = try LongHistory.residentBytes() - before
            let logGrown = try history.logBytes() - logBefore
            print("memory grew by \(grown) bytes while the log grew by \(logGrown)")
            guard grown < logGrown / 4 else { exit(EXIT_FAILURE) }
        }
    }
}

/// Two sites that write the same rows again and again, each a column of its own, and never wait for each other: every
/// change set meets others.
struct LongHistory {
    /// Test-only: a bound that does not bind.
    enum Leak: String, CaseIterable {
        /// The index of the log in memory is never emptied.
        case index
        /// The rows found in the log are never forgotten.
        case finder

        /// What it is that holds too much.
        var holder: String { self == .index ? "index holds" : "remembers" }
    }

    private static let indexRoom = 4096
    private static let finderRoom = 2048
    private static let rowsPerSet = 8

    private let simulation: SimulationFolder
    private let hub: StoreHub
    private let nodes: [StoreNode]
    private let table: String
    private let leak: Leak?
    private var nowMs = Fleet.beginMs
    private var pushedBytes = 0
    private var lastWords = 0
    /// How often the index was emptied.
    private(set) var resets = 0

    init(leak: Leak? = nil) throws {
        let simulation = try SimulationFolder()
        let maker = try StoreMaker(Catalogue([.plain]), in: simulation)
        guard let hub = try maker.makeHub(nowMs: nowMs) as? StoreHub else { throw Broken("no hub") }
        self.simulation = simulation
        self.hub = hub
        nodes = try ["snasa", "verran"].compactMap { site in
            try maker.makeNode(for: maker.template.replicas[site]!, of: hub, nowMs: 0) as? StoreNode
        }
        hub.store.index.index.room = leak == .index ? .max : Self.indexRoom
        hub.store.finder.room = leak == .finder ? .max : Self.finderRoom
        self.leak = leak
        table = maker.catalogue.tables[0].name
        for row in 0..<Self.rowsPerSet { try nodes[0].program.execute("INSERT INTO \(table)(id) VALUES('k\(row)')") }
        try meet()
    }

    mutating func play(_ round: Int) throws {
        nowMs += 1000
        // A node takes another finder when its tables are read anew.
        for node in nodes { node.store.finder.room = leak == .finder ? .max : Self.finderRoom }
        for (place, node) in nodes.enumerated() {
            let column = place == 0 ? "x" : "y"
            try node.program.execute("UPDATE \(table) SET \(column) = printf('%01000d', \(round))")
            _ = try node.seal(nowMs: nowMs)
        }
        try meet()
        let words = hub.store.index.index.words
        if words < lastWords { resets += 1 }
        lastWords = words
    }

    private mutating func meet() throws {
        for node in nodes {
            _ = try node.seal(nowMs: nowMs)
            let push = try node.pushBytes(after: hub.vector()[node.replica], firstSegment: 0)
            for parcel in Wire.read(push).parcels { pushedBytes += parcel.segments.reduce(0) { $0 + $1.count } }
            try hub.takePush(Arrival([push]), from: node.replica, nowMs: nowMs)
        }
        for node in nodes {
            let answer = try hub.givePull(node.pullRequest(), to: node.replica, nowMs: nowMs)
            _ = try node.takePull(Arrival([answer]), isFollowing: false, nowMs: nowMs)
        }
    }

    /// What is held beyond its room; nil when nothing is.
    func excess() throws -> String? {
        let room = Self.finderRoom + 64 * Self.rowsPerSet
        if hub.store.index.index.words > Self.indexRoom {
            return "the hub's index holds \(hub.store.index.index.words)"
        }
        if hub.store.finder.rowsKnown > room { return "the hub remembers \(hub.store.finder.rowsKnown) rows" }
        for node in nodes {
            if node.store.finder.rowsKnown > room { return "a node remembers \(node.store.finder.rowsKnown) rows" }
            if node.store.inFlight.count > 0 { return "a node holds what the hub has echoed" }
        }
        // As authored, as given out, and what stood before.
        if try logBytes() > 3 * pushedBytes + 4096 {
            return "the log holds \(try logBytes()) bytes of \(pushedBytes) written"
        }
        return try hub.excess() ?? nodes.compactMap { try $0.excess() }.first
    }

    func logBytes() throws -> Int {
        Int(try hub.reader.firstInteger("SELECT coalesce(sum(length(bytes)), 0) FROM samband_segment") ?? 0)
    }

    /// What this process holds of its own. https://man7.org/linux/man-pages/man5/proc_pid_status.5.html
    static func residentBytes() throws -> Int {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix("RssAnon:") }),
            let kilobytes = Int(line.filter(\.isNumber))
        else { throw Broken("/proc/self/status does not tell what this process holds") }
        return kilobytes << 10
    }
}
