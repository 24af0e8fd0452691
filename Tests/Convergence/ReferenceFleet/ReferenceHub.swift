import Replication
import SimulationKit

/// A hub in memory, of the pure rules and nothing else: tables without constraints, every change set as bytes.
/// It runs thousands of histories in the time the real one needs for a few, and so tries the rules themselves.
final class ReferenceHub: HubEnd {
    struct Entry {
        let parcel: Parcel
        let position: UInt64
        var endsTransaction: Bool
    }

    /// What the log knows of one operation on a row.
    struct Logged {
        let operation: LoggedOperation
        /// The cells that took effect here.
        let written: [Int]
        /// The row as it was before a delete took it.
        let image: [Value]?
    }

    enum Refusal: Error { case outOfOrder, unseenContext, wrongDigest, foreign }

    let maker: ReferenceMaker
    let replica: UInt32 = 1
    var admitted: UInt32 = 1
    var replicas: [String: UInt32] = [:]
    var table: [RowID: Row] = [:]
    var log: [RowID: [Logged]] = [:]
    var keys: [RowID: RowIdentity] = [:]
    var entries: [Entry] = []
    var seen = VectorClock()
    var clock = HybridClock()
    var contexts: [UInt32: VectorClock] = [:]
    var lastDigest: [UInt32: [UInt8]] = [:]
    var ledger = ReferenceLedger()

    init(_ maker: ReferenceMaker) { self.maker = maker }

    var rules: MergeRules { maker.rules }

    func vector() -> VectorClock { seen }

    func lastPosition() -> UInt64 { UInt64(entries.count) }

    func admit(site: String, nowMs: UInt64) -> UInt32 {
        admitted += 1
        replicas[site] = admitted
        return admitted
    }

    func rows() -> Rows { maker.rows(table) }

    func conflicts() -> [SeenConflict] {
        ledger.records.map { key, record in
            SeenConflict(
                id: record.id, kind: key.kind, row: keys[key.row]!, column: key.column,
                life: record.life)
        }
    }

    func withheld() -> [SeenWithheld] { [] }

    func complaint() -> String? { nil }

    // MARK: Taking in

    func takePush(_ push: Arrival, from replica: UInt32, nowMs: UInt64) throws {
        for parcel in Wire.read(push.bytes).parcels { _ = try ingest(parcel, from: replica, nowMs: nowMs) }
    }

    func held(of replica: UInt32) -> HeldPart? { nil }

    private func ingest(_ parcel: Parcel, from replica: UInt32, nowMs: UInt64) throws -> Bool {
        let header = parcel.header
        guard header.dot.replica == replica else { throw Refusal.foreign }
        if header.dot.seq <= seen[replica] && maker.bug != .takesDuplicates { return false }
        guard header.dot.seq <= seen[replica] + 1 else { throw Refusal.outOfOrder }
        var context = contexts[replica] ?? VectorClock()
        context.merge(header.contextDelta)
        guard header.previous == lastDigest[replica] ?? ChangeSetHeader.firstPrevious || maker.bug != nil
        else {
            throw Refusal.wrongDigest
        }
        guard seen.covers(context) else { throw Refusal.unseenContext }
        guard parcel.segments.map(SHA256.digest) == header.segmentDigests else { throw Refusal.wrongDigest }
        contexts[replica] = context
        let position = UInt64(entries.count) + 1
        clock.observe(header.hlc)
        var judged = Judged()
        for write in try maker.decodeRows(parcel.segments) {
            keys[write.row] = maker.catalogue.identity(write.row.table - 1, write.write.key)
            judge(write.write, row: write.row, header, at: position, into: &judged)
        }
        append(maker.effective(parcel, judged), at: position)
        if !judged.carried.isEmpty || !judged.decided.isEmpty { arbitrate(judged, nowMs: nowMs) }
        entries[entries.count - 1].endsTransaction = true
        return true
    }

    /// What the judgement of a change set gathers: what goes out of it and what is to be carried.
    struct Judged {
        var effective: [(row: RowID, key: [Value], operation: Operation, cells: [(Int, Value)])] = []
        var isWhole = true
        var carried: [RowID] = []
        var decided: [RowID: [Int: DecidedCell]] = [:]
    }

    /// The policies of a row, with the replicas of the site that it belongs to as it stands.
    private func policy(_ row: RowID, _ known: [Value]?) -> RowPolicy {
        var owners: Set<UInt32> = []
        if let column = maker.catalogue.tables[row.table - 1].scopeColumn, case .text(let name) = known?[column] {
            owners = Set([replicas[String(decoding: name, as: UTF8.self)]].compactMap { $0 })
        }
        return RowPolicy(maker.policy(ofTable: row.table), owners: owners, seq: seen[replica] + 1)
    }

    private func judge(
        _ write: DecodedWrite, row: RowID, _ header: ChangeSetHeader, at position: UInt64,
        into judged: inout Judged
    ) {
        let incoming = maker.logged(write, header, position: position)
        let log = self.log[row] ?? []
        let concurrent = log.map(\.operation).filter {
            $0.position > incoming.seen && $0.dot.replica != incoming.dot.replica
        }
        let stood = table[row]
        let image = log.last { $0.image != nil }?.image
        let known = stood?.data ?? image ?? (incoming.operation.isWholeRow ? incoming.values : nil)
        let merge = rules.atHub(incoming, concurrent, stood?.data, image, policy(row, known))
        var written: [Int] = []
        switch merge.target {
        case .keep: break
        case .noImage: preconditionFailure("an update of a row without image: \(incoming)")
        case .write(let columns):
            written = columns
            for column in columns { table[row]!.data[column] = incoming.value(of: column)! }
        case .put(let values):
            table[row] = Row(key: write.key, data: values)
            written = incoming.columns.filter { values[$0] == incoming.value(of: $0)! }
        case .remove: table[row] = nil
        }
        for (column, cell) in merge.decided { table[row]!.data[column] = cell.value }
        written.removeAll { merge.decided[$0] != nil }
        if !merge.decided.isEmpty { judged.decided[row] = merge.decided }
        // A key may be spelt in several ways (1 and 1.0): an unaware writer does not change how it stands.
        let isRespelt = incoming.operation.isWholeRow && stood != nil && stood!.key != write.key
        if isRespelt && concurrent.isEmpty { table[row]!.key = write.key }
        if merge.carries || (isRespelt && !concurrent.isEmpty) { judged.carried.append(row) }
        if let columns = merge.effective {
            let isPart = !incoming.operation.isKeyOnly && columns != incoming.columns
            judged.isWhole = judged.isWhole && !isPart
            judged.effective.append(
                (
                    row, write.key, isPart ? .update : incoming.operation,
                    columns.map { ($0, incoming.value(of: $0)!) }
                ))
        } else {
            judged.isWhole = false
        }
        self.log[row, default: []].append(
            Logged(operation: incoming, written: written, image: merge.target == .remove ? stood?.data : nil))
        ledger.judge(
            incoming, merge, row: row, policy: maker.policy(ofTable: row.table),
            seen: { self.maker.bug == .closesByContext && $0 ? .max : incoming.seen },
            covers: { self.contexts[header.dot.replica]!.covers($0) })
    }

    /// The hub's own change set in the same transaction: whole rows, each cell with the stamp of its write, and cells
    /// that a policy decided.
    private func arbitrate(_ judged: Judged, nowMs: UInt64) {
        let position = UInt64(entries.count) + 1
        let dot = Dot(replica: replica, seq: seen[replica] + 1)
        let stamp = Stamp(hlc: clock.tick(nowMs: nowMs), dot: dot)
        var builder = SegmentBuilder()
        var logged: [(RowID, Logged)] = []
        func add(_ row: RowID, _ operation: Operation, _ cells: [(column: Int, stamp: Stamp)]) {
            let stands = table[row]!
            let columns = cells.map(\.column)
            let values = columns.map { stands.data[$0] }
            builder.add(
                BlockKind(table: row.table, operation: operation, columns: columns), key: stands.key, values: values,
                stamps: cells.map(\.stamp))
            let own = LoggedOperation(
                dot: dot, hlc: stamp.hlc, position: position, seen: position - 1, operation: operation,
                columns: columns, values: values, cellStamps: cells.map(\.stamp))
            logged.append(
                (row, Logged(operation: own, written: judged.decided[row].map { Array($0.keys) } ?? [], image: nil)))
        }
        for row in judged.carried {
            let stamps = table[row]!.data.indices.map { column in
                judged.decided[row]?[column]?.stamp
                    ?? (maker.bug == .restoresWithHubStamp ? stamp : origin(row, column))
            }
            add(row, .carried, stamps.enumerated().map { ($0, $1) })
        }
        for (row, cells) in judged.decided.sorted(by: { $0.key < $1.key }) where !judged.carried.contains(row) {
            add(row, .decided, cells.sorted { $0.key < $1.key }.map { ($0.key, $0.value.stamp) })
        }
        for (row, entry) in logged { log[row]!.append(entry) }
        append(own(.arbitration, dot, stamp.hlc, &builder, conflict: 0), at: position)
    }

    /// A change set of the hub's own authorship.
    func own(
        _ kind: ChangeSetHeader.Kind, _ dot: Dot, _ hlc: UInt64, _ builder: inout SegmentBuilder,
        conflict: UInt64
    ) -> Parcel {
        let rowCount = UInt64(builder.rowCount)
        builder.close()
        let segments = builder.takeFinished()
        var others = VectorClock()
        for entry in seen.entries where entry.replica != replica {
            others.advance(entry.replica, to: entry.seq)
        }
        let delta = others.delta(since: contexts[replica] ?? VectorClock())
        contexts[replica] = others
        return Parcel(
            header: ChangeSetHeader(
                kind: kind, dot: dot, hlc: hlc, position: UInt64(entries.count), contextDelta: delta,
                schemaVersion: 1, rowCount: rowCount, conflict: conflict,
                previous: lastDigest[replica] ?? ChangeSetHeader.firstPrevious,
                segmentDigests: segments.map(SHA256.digest)),
            segments: segments)
    }

    func append(_ parcel: Parcel, at position: UInt64) {
        entries.append(Entry(parcel: parcel, position: position, endsTransaction: false))
        seen.advance(parcel.header.dot.replica, to: parcel.header.dot.seq)
        lastDigest[parcel.header.dot.replica] = parcel.header.digest
    }

    /// The stamp of the last write of a cell that took effect.
    private func origin(_ row: RowID, _ column: Int) -> Stamp {
        log[row]!.last { $0.written.contains(column) }?.operation.stamp(of: column) ?? .zero
    }

    // MARK: Giving out

    func givePull(_ request: PullRequest, to replica: UInt32, nowMs: UInt64) -> [UInt8] {
        var parcels: [Parcel] = []
        for entry in entries.dropFirst(Int(request.position)) {
            var delivery = entry.parcel.delivery
            delivery.position = entry.position
            delivery.endsTransaction = entry.endsTransaction
            delivery.isEcho = entry.parcel.header.dot.replica == replica
            if delivery.isEcho {
                delivery.isEffective = false
                delivery.effectiveDigests = []
            }
            parcels.append(
                Parcel(
                    header: entry.parcel.header, delivery: delivery,
                    segments: delivery.isEcho ? [] : entry.parcel.segments))
        }
        return Wire.bytes(
            parcels,
            end: StreamEnd(
                vector: seen, position: lastPosition(), frontier: VectorClock(), hubTimeMs: nowMs))
    }
}
