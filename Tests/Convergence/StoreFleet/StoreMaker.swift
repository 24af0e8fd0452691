import Foundation
import HubService
import NodeService
import Replication
import SQLite
import SimulationKit
import TableModel

/// Makes fleets of real databases, from copies of a template.
final class StoreMaker: FleetMaker {
    let catalogue: Catalogue
    let template: StoreTemplate
    let folder: String
    let bug: PlantedBug?
    /// Where the hub's replica numbers come from, and the tickets of nodes: a history replays exactly.
    let numbers: ReplicaNumbers
    /// Its folder must outlive the fleet.
    private let simulation: SimulationFolder

    init(_ catalogue: Catalogue, in simulation: SimulationFolder, bug: PlantedBug? = nil, seed: UInt64 = 0) throws {
        self.bug = bug
        numbers = ReplicaNumbers(seed: seed &+ 1)
        self.simulation = simulation
        self.catalogue = catalogue
        template = try simulation.template(catalogue)
        folder = try simulation.newFolder()
    }

    deinit {
        // The files of a history that is over.
        try? FileManager.default.removeItem(atPath: folder)
    }

    func number(ofTable table: Int) -> Int { template.numbers[table] }

    func isSystem(table number: Int) -> Bool { number >= 1 << 29 }

    func table(named name: String) -> Int { catalogue.tables.firstIndex { $0.name == name }! }

    func makeHub(nowMs: UInt64) throws -> any HubEnd { try StoreHub(self, path: copy("hub")) }

    func makeNode(for replica: UInt32, of hub: any HubEnd, nowMs: UInt64) throws -> any NodeEnd {
        try StoreNode(self, path: copy(template.replicas.first { $0.value == replica }!.key))
    }

    private func copy(_ name: String) throws -> String {
        let path = "\(folder)/\(name).db"
        if FileManager.default.fileExists(atPath: path) { try FileManager.default.removeItem(atPath: path) }
        try FileManager.default.copyItem(atPath: "\(template.folder)/\(name).db", toPath: path)
        return path
    }

    /// For one half of the tables: what is large in the field is cut up in histories of a few rows too. Every row is a
    /// segment then, what has come of a change set is kept over every cut, and half of the replicas are taken in and given
    /// to as little at a time as can be.
    var isInPieces: Bool { catalogue.tables.count % 2 == 1 }

    var segmentBytes: Int { isInPieces ? 1 : Limits.segmentTargetBytes }

    func pushRoom(of replica: UInt32) -> PushIntake.Room {
        var room = PushIntake.Room()
        guard isInPieces else { return room }
        room.largeFrom = 1
        if replica % 2 == 0 { room.heldMaxBytes = 1 }
        return room
    }

    func pullRoom(of replica: UInt32) -> PullIntake.Room {
        var room = PullIntake.Room()
        guard isInPieces else { return room }
        room.worthKeepingBytes = 0
        if replica % 2 == 0 {
            room.heldMaxBytes = 1
            room.wholeMaxBytes = 1
        }
        return room
    }

    func pullSize(of replica: UInt32) -> PullStream.Size {
        var size = PullStream.Size()
        if isInPieces, replica % 2 == 0 { size.offers = 2 }
        return size
    }

    /// All replicated rows that a connection sees.
    func rows(_ connection: Connection) throws -> Rows {
        var rows: Rows = [:]
        for (number, table) in catalogue.tables.enumerated() {
            let columns = (table.keyColumns + table.dataColumns).map { "\"\($0.name)\"" }.joined(
                separator: ", ")
            let statement = try connection.cached("SELECT \(columns) FROM \"\(table.name)\"")
            defer { statement.reset() }
            let keyCount = table.keyColumns.count
            while try statement.step() {
                let values = (0..<Int32(columns.split(separator: ",").count)).map { value(statement, $0) }
                let row = Row(key: Array(values[..<keyCount]), data: Array(values[keyCount...]))
                rows[catalogue.identity(number, row.key)] = row
            }
        }
        return rows
    }

    private func value(_ statement: Statement, _ column: Int32) -> Value {
        switch statement.type(column) {
        case .null: .null
        case .integer: .integer(statement.integer(column))
        case .real: .real(statement.real(column))
        case .text: .text(statement.bytes(column))
        case .blob: .blob(statement.bytes(column))
        }
    }

    /// What SQLite itself finds wrong in a file.
    func complaint(_ connection: Connection) throws -> String? {
        if catalogue.tables.allSatisfy(\.isFree) { return nil }
        let references = try connection.cached("SELECT count(*) FROM pragma_foreign_key_check")
        defer { references.reset() }
        if try references.step(), references.integer(0) > 0 {
            return "\(references.integer(0)) references lead nowhere"
        }
        for table in catalogue.tables {
            let check = try connection.cached("SELECT * FROM pragma_integrity_check('\(table.name)')")
            defer { check.reset() }
            if try check.step(), check.string(0) != "ok" { return check.string(0) }
        }
        return nil
    }
}
