import Replication
import SQLite

/// What sites have handed in to a restored hub.
struct RecoveredSets {
    let connection: Connection

    struct Record {
        let id: UInt64
        package let header: ChangeSetHeader
        let digest: [UInt8]
        let sender: UInt32
        let floor: UInt64
        let place: UInt64?
        let isWhole: Bool
        var isByAuthor: Bool { sender == header.dot.replica }
    }

    private static let columns = "id, header, digest, sender, floor, place, is_whole"

    private func read(_ statement: Statement) throws -> Record {
        Record(
            id: statement.unsigned(0), header: try ChangeSetHeader(statement.bytes(1)), digest: statement.bytes(2),
            sender: UInt32(statement.integer(3)), floor: statement.unsigned(4),
            place: statement.type(5) == .null ? nil : statement.unsigned(5), isWhole: statement.integer(6) == 1)
    }

    /// Those that wait, in the order in which they are to be taken: that of the newest lost hub first, then that of
    /// earlier ones, then what no hub had, each author's own in its order. (Protocol/Merge-Model.md#lost-hub)
    func waiting() throws -> [Record] {
        let statement = try connection.prepare(
            """
            SELECT \(Self.columns) FROM samband_handed WHERE state = 'waiting'
            ORDER BY place IS NULL, CASE WHEN place IS NULL THEN 0 ELSE -epoch END, place, replica, seq
            """)
        var records: [Record] = []
        while try statement.step() { records.append(try read(statement)) }
        return records
    }

    /// Those in a state. Arbitrations of lost hubs are noted: not taken, but the rows that they name may differ at the
    /// sites.
    func each(_ state: HandedState, _ body: (Record) throws -> Void) throws {
        let statement = try connection.prepare("SELECT \(Self.columns) FROM samband_handed WHERE state = ?1")
        try statement.bind(at: 1, text: state.rawValue)
        while try statement.step() { try body(read(statement)) }
    }

    /// How much waits of what a replica has handed in.
    func size(of sender: UInt32) throws -> (sets: Int64, bytes: Int64) {
        let statement = try connection.cached(
            """
            SELECT (SELECT count(*) FROM samband_handed WHERE sender = ?1), coalesce(sum(length(s.bytes)), 0)
            FROM samband_handed h JOIN samband_handed_segment s ON s.handed = h.id WHERE h.sender = ?1
            """)
        try statement.bind(UInt64(sender), at: 1)
        defer { statement.reset() }
        return try statement.step() ? (statement.integer(0), statement.integer(1)) : (0, 0)
    }

    /// The digests of what is known under a dot, here or handed in.
    func digests(of dot: Dot) throws -> [[UInt8]] {
        let statement = try connection.cached(
            """
            SELECT digest FROM samband_change WHERE replica = ?1 AND seq = ?2
            UNION SELECT digest FROM samband_handed WHERE replica = ?1 AND seq = ?2 AND state <> 'refused'
            """)
        try statement.bind([.integer(Int64(dot.replica)), .integer(Int64(bitPattern: dot.seq))])
        return try statement.rows { $0.bytes(0) }
    }

    /// What the change sets that are known under a dot say that came before them.
    func previous(of dot: Dot) throws -> [[UInt8]] {
        let statement = try connection.cached(
            """
            SELECT header FROM samband_change WHERE replica = ?1 AND seq = ?2
            UNION SELECT header FROM samband_handed WHERE replica = ?1 AND seq = ?2 AND state <> 'refused'
            """)
        try statement.bind([.integer(Int64(dot.replica)), .integer(Int64(bitPattern: dot.seq))])
        return try statement.rows { try ChangeSetHeader($0.bytes(0)).previous }
    }

    func find(_ dot: Dot, _ digest: [UInt8]) throws -> (id: UInt64, isWhole: Bool, epoch: UInt64, hasPlace: Bool)? {
        let statement = try connection.cached(
            "SELECT id, is_whole, epoch, place IS NOT NULL FROM samband_handed "
                + "WHERE replica = ?1 AND seq = ?2 AND digest = ?3")
        try statement.bind([.integer(Int64(dot.replica)), .integer(Int64(bitPattern: dot.seq)), .blob(digest)])
        defer { statement.reset() }
        guard try statement.step() else { return nil }
        return (statement.unsigned(0), statement.integer(1) == 1, statement.unsigned(2), statement.integer(3) == 1)
    }

    /// What could not be taken may be taken the next time: its author has it still.
    func tryAgain(_ id: UInt64) throws {
        if try state(of: id) == .refused { try setState(.waiting, of: id) }
    }

    /// The hub was restored again.
    func tryAllAgain() throws {
        var refused: [UInt64] = []
        try each(.refused) { refused.append($0.id) }
        for id in refused { try setState(.waiting, of: id) }
    }

    private func state(of id: UInt64) throws -> HandedState? {
        let statement = try connection.cached("SELECT state FROM samband_handed WHERE id = ?1")
        try statement.bind(id, at: 1)
        defer { statement.reset() }
        return try statement.step() ? HandedState(rawValue: statement.string(0)) : nil
    }

    /// A site that follows a newer epoch, or a hub at all, knows better where it stood.
    func setPlace(_ id: UInt64, _ place: UInt64, epoch: UInt64, floor: UInt64) throws {
        let statement = try connection.cached(
            "UPDATE samband_handed SET place = ?1, epoch = ?2, floor = ?3 WHERE id = ?4")
        try statement.bind([
            .integer(Int64(place)), .integer(Int64(epoch)), .integer(Int64(floor)), .integer(Int64(id)),
        ])
        try statement.run()
    }

    /// Its author has said itself that it is its own.
    func setSender(_ id: UInt64, _ sender: UInt32) throws {
        let statement = try connection.cached("UPDATE samband_handed SET sender = ?1 WHERE id = ?2")
        try statement.bind([.integer(Int64(sender)), .integer(Int64(id))])
        try statement.run()
    }

    /// The replicas that arbitrations came from: hubs, of epochs that may be unknown here.
    func hubs() throws -> Set<UInt32> {
        let statement = try connection.prepare("SELECT DISTINCT replica FROM samband_handed WHERE state = 'noted'")
        var hubs: Set<UInt32> = []
        while try statement.step() { hubs.insert(UInt32(statement.integer(0))) }
        return hubs
    }

    func segments(_ id: UInt64) throws -> [[UInt8]] {
        let statement = try connection.cached(
            "SELECT bytes FROM samband_handed_segment WHERE handed = ?1 ORDER BY number")
        try statement.bind(id, at: 1)
        defer { statement.reset() }
        var segments: [[UInt8]] = []
        while try statement.step() { segments.append(statement.bytes(0)) }
        return segments
    }

    /// Takes a step in its life. (Protocol/State-Machines.md#a-change-set-that-was-handed-in)
    func setState(_ next: HandedState, why: String? = nil, of id: UInt64) throws {
        let state = try state(of: id)?.to(next) ?? next
        let statement = try connection.cached("UPDATE samband_handed SET state = ?1, why = ?2 WHERE id = ?3")
        try statement.bind([.text(state.rawValue), why.map { .text($0) } ?? .null, .integer(Int64(id))])
        try statement.run()
    }

    /// Keeps a change set; a whole one takes the place of what a receiver handed in of it.
    func keep(
        _ header: ChangeSetHeader, _ segments: [[UInt8]], isWhole: Bool, place: UInt64?, sender: UInt32, epoch: UInt64,
        floor: UInt64
    ) throws {
        let digest = header.digest
        var place = place
        if let known = try find(header.dot, digest) {
            if known.isWhole || !isWhole { return }
            for table in ["samband_handed_segment WHERE handed", "samband_handed WHERE id"] {
                let statement = try connection.prepare("DELETE FROM \(table) = ?1")
                if table.hasSuffix("id"), place == nil { place = try placeKnown(known.id) }
                try statement.bind(known.id, at: 1)
                try statement.run()
            }
        }
        let statement = try connection.cached(
            """
            INSERT INTO samband_handed(replica, seq, digest, sender, epoch, floor, place, is_whole, state, header)
            VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
            """)
        try statement.bind([
            .integer(Int64(header.dot.replica)), .integer(Int64(bitPattern: header.dot.seq)), .blob(digest),
            .integer(Int64(sender)), .integer(Int64(epoch)), .integer(Int64(floor)),
            place.map { .integer(Int64($0)) } ?? .null, .integer(isWhole ? 1 : 0),
            .text((header.kind == .arbitration ? HandedState.noted : .waiting).rawValue), .blob(header.encoded()),
        ])
        try statement.run()
        let id = UInt64(try connection.firstInteger("SELECT last_insert_rowid()") ?? 0)
        for (number, bytes) in segments.enumerated() {
            let insert = try connection.cached(
                "INSERT INTO samband_handed_segment(handed, number, bytes) VALUES(?1, ?2, ?3)")
            try insert.bind([.integer(Int64(id)), .integer(Int64(number)), .blob(bytes)])
            try insert.run()
        }
    }

    private func placeKnown(_ id: UInt64) throws -> UInt64? {
        let statement = try connection.cached("SELECT place FROM samband_handed WHERE id = ?1")
        try statement.bind(id, at: 1)
        defer { statement.reset() }
        return try statement.step() && statement.type(0) != .null ? statement.unsigned(0) : nil
    }
}
