import ConflictStore
import Merging
import OrderedLog
import Replication
import SQLite

/// Takes one change set after the other that was handed in to a restored hub.
struct RecoveryReplay {
    let store: HubStore
    let lost: LostRecords
    /// Hubs of epochs that may be unknown here.
    let hubs: Set<UInt32>
    let nowMs: UInt64
    /// Authors of whom a change set was not taken: what they wrote behind it is not taken either.
    private var held: [UInt32: HandedState] = [:]
    /// What each author had seen at its last change set, as far as it is above the epoch's base.
    private var contexts: [UInt32: VectorClock] = [:]
    /// The highest seq of lost hubs that any context names.
    private(set) var deadSeqs: [UInt32: UInt64] = [:]
    /// The conflicts and withheld rows changed beside the log: they travel with the repair.
    private(set) var conflicts: Set<UInt64> = []
    private(set) var withheld: Set<UInt64> = []
    /// What is at hand and not taken yet.
    private var pending = PendingSets([])
    /// The lost conflicts whose decision came back as a change set.
    private var redecided: Set<LostRecords.Name> = []

    init(store: HubStore, lost: LostRecords, hubs: Set<UInt32>, nowMs: UInt64) {
        self.store = store
        self.lost = lost
        self.hubs = hubs
        self.nowMs = nowMs
    }

    /// Takes all that waits in the order given, each behind what its author had seen. What nobody has handed in of that
    /// holds nothing up.
    mutating func take(all records: [RecoveredSets.Record], _ handed: RecoveredSets) throws {
        var left = records
        var isPatient = true
        pending = PendingSets(records)
        while !left.isEmpty {
            var waiting: [RecoveredSets.Record] = []
            for (place, record) in left.enumerated() {
                if try take(record, handed, isPatient: isPatient) {
                    guard isPatient else {
                        waiting += left[(place + 1)...]
                        break
                    }
                } else {
                    waiting.append(record)
                }
            }
            let hasTaken = waiting.count < left.count
            isPatient = hasTaken
            left = waiting
        }
    }

    /// Takes it in as a new arrival; one that cannot be taken is kept with the reason, and the others go on.
    /// - Returns: false when it waits for others.
    private mutating func take(
        _ record: RecoveredSets.Record, _ handed: RecoveredSets, isPatient: Bool
    ) throws -> Bool {
        let header = record.header
        let dot = header.dot
        let isDead = try header.kind != .local || isHub(dot.replica)
        if try isPatient && waits(header) && store.log.entry(dot) == nil { return false }
        try follow(header)
        try takeNow(record, isDead: isDead, handed)
        pending.remove(record)
        return true
    }

    /// Whether something that its author had seen, or written before it, is at hand and not taken yet: a decision of a
    /// lost hub like any other.
    private func waits(_ header: ChangeSetHeader) -> Bool {
        let dot = header.dot
        if pending.has(dot.replica, upTo: dot.seq - 1) { return true }
        return header.contextDelta.entries.contains { pending.has($0.replica, upTo: $0.seq) }
    }

    private mutating func takeNow(_ record: RecoveredSets.Record, isDead: Bool, _ handed: RecoveredSets) throws {
        let header = record.header
        let dot = header.dot
        if isDead {
            deadSeqs[dot.replica] = max(deadSeqs[dot.replica] ?? 0, dot.seq)
            // It is decided by what it writes, or not at all.
            if header.conflict != 0 { redecided.insert(LostRecords.Name(hub: dot.replica, id: header.conflict)) }
        }
        let known = try store.log.entry(dot)
        if let known, known.header.digest != record.digest {
            try handed.setState(.refused, why: "the hub has other content under this dot", of: record.id)
            if record.isByAuthor { held[dot.replica] = .refused }
            return
        }
        if !isDead, known == nil, let state = held[dot.replica] {
            try handed.setState(
                record.place == nil ? .refused : state, why: "what its author wrote before it was not taken",
                of: record.id)
            return
        }
        if try HybridClock.milliseconds(header.hlc) > store.stampLimitMs(nowMs: nowMs) {
            // What a hub has once taken waits until the clock of this one is right; others may have it. What no hub has
            // taken its author stamps anew.
            held[dot.replica] = record.place == nil ? .refused : .waiting
            try handed.setState(held[dot.replica]!, why: "its stamp is ahead of the hub's clock", of: record.id)
            return
        }
        try store.connection.beginSavepoint("handed")
        let clock = store.clock
        do {
            if let known {
                try complete(known, record, handed.segments(record.id))
            } else if try !isDead && dot.seq <= store.log.vector()[dot.replica] {
                try comeLate(record, handed.segments(record.id))
            } else {
                let seen = isDead ? try store.log.lastPosition() : try seen(record)
                try store.takeHanded(record, handed.segments(record.id), seen: seen, nowMs: nowMs)
                if isDead { try settle(header) }
            }
            try handed.setState(.taken, of: record.id)
            try store.connection.release("handed")
        } catch let error where !(error is SQLiteError) || (error as? SQLiteError)?.isOfRow == true {
            try store.connection.rollback(to: "handed")
            try store.connection.release("handed")
            store.clock = clock
            store.index.index.reset()
            store.finder.forget()
            try store.reloadDisputed()
            try handed.setState(.refused, why: "\(error)", of: record.id)
            held[dot.replica] = .refused
        }
    }

    private mutating func complete(_ entry: LogEntry, _ record: RecoveredSets.Record, _ bytes: [[UInt8]]) throws {
        guard record.isWhole else { return }
        let admission = Admission(store: store, replica: entry.header.dot.replica, nowMs: nowMs)
        var complement = PartialSetCompletion(store: store, nowMs: nowMs, position: try store.log.lastPosition() + 1)
        try complement.add(entry, bytes, read: admission.read(entry.header, bytes, isWhole: true))
        conflicts.formUnion(complement.conflicts)
        withheld.formUnion(complement.withheld)
    }

    /// What an author wrote before something of it that is here already: it is in the log, and where it differs from
    /// what stands a person looks at it.
    private mutating func comeLate(_ record: RecoveredSets.Record, _ bytes: [[UInt8]]) throws {
        let admission = Admission(store: store, replica: record.header.dot.replica, nowMs: nowMs)
        let segments = try admission.read(record.header, bytes, isWhole: record.isWhole)
        var complement = PartialSetCompletion(store: store, nowMs: nowMs, position: try store.log.lastPosition() + 1)
        try complement.addLate(record, bytes, segments, admission, seen: try seen(record))
        conflicts.formUnion(complement.conflicts)
        withheld.formUnion(complement.withheld)
    }

    private func isHub(_ replica: UInt32) throws -> Bool {
        try hubs.contains(replica) || lost.hubs.contains(replica)
            || EpochTable(connection: store.connection).all().contains { $0.hub == replica }
            || store.replicaState(replica)?.site.isEmpty == true
    }

    /// Adds what a change set says its author had seen.
    private mutating func follow(_ header: ChangeSetHeader) throws {
        let author = header.dot.replica
        if contexts[author] == nil {
            var context = VectorClock()
            for entry in try store.log.entries(of: author, after: 0, limit: .max) {
                context.merge(entry.header.contextDelta)
            }
            contexts[author] = context
        }
        contexts[author]!.merge(header.contextDelta)
        for (replica, seq) in header.contextDelta.entries where try isHub(replica) {
            deadSeqs[replica] = max(deadSeqs[replica] ?? 0, seq)
        }
    }

    /// The position in the new order up to which the author had seen all: behind the last change set of another that its
    /// context covers, before the first that it does not. Too low is safe, too high is not.
    /// (Protocol/Merge-Model.md#lost-hub)
    private func seen(_ record: RecoveredSets.Record) throws -> UInt64 {
        let header = record.header
        if header.position <= record.floor { return header.position }
        let context = contexts[header.dot.replica] ?? VectorClock()
        var seen = record.floor
        for entry in try store.log.entries(after: record.floor, limit: .max)
        where entry.header.kind != .arbitration && entry.header.dot.replica != header.dot.replica {
            guard context.covers(entry.header.dot) else { return min(seen, entry.position! - 1) }
            seen = entry.position!
        }
        return seen
    }

    // MARK: decisions

    /// A person's decision has come back: the conflict that it settled is settled by that person again.
    private mutating func settle(_ header: ChangeSetHeader) throws {
        let name = LostRecords.Name(hub: header.dot.replica, id: header.conflict)
        guard header.conflict != 0, let record = lost.conflicts[name] else { return }
        guard record.isByPerson, let decision = record.decision,
            var own = try match(record, settledBy: header.dot)
        else { return }
        own.life.settle(by: own.life.settledBy, .person, at: try store.log.lastPosition())
        own.decision = decision
        try store.conflictTable.save(own)
        conflicts.insert(own.id)
        // A decision that writes lets in what is withheld, as it was or with other values.
        try settleWithheld(of: own, .admitted)
    }

    /// Sees to the withheld rows of a conflict that is decided again; others that waited with it get conflicts of their
    /// own.
    private mutating func settleWithheld(of own: ConflictRecord, _ state: WithheldState) throws {
        for withheld in try store.conflictTable.withheld(ofConflict: own.id)
        where withheld.state == .withheld && withheld.row == own.row {
            try store.conflictTable.setState(state, of: withheld.id)
            self.withheld.insert(withheld.id)
        }
        var release = WithheldRelease(
            conflicts: store.conflictTable, access: store.access, origins: store.origins, policies: store.policies,
            position: try store.log.lastPosition(), nowMs: nowMs)
        try release.part(own.id)
        conflicts.formUnion(release.changedConflicts)
        withheld.formUnion(release.withheldRows)
    }

    /// Our record of what the lost hub called by another number.
    private func match(_ record: LostRecords.Record, settledBy dot: Dot? = nil) throws -> ConflictRecord? {
        let row = RowID(table: record.table, canonical: record.canonical)
        return try store.conflictTable.records(of: row).last {
            $0.columnIndex == record.columnIndex && ($0.life.isOpen || (dot != nil && $0.life.settledBy?.dot == dot))
        }
    }

    /// Decisions that wrote nothing: that things stand as they are, or that a withheld row is not wanted.
    mutating func redecide() throws {
        for (id, record) in lost.conflicts.sorted(by: { $0.key < $1.key }) where !redecided.contains(id) {
            guard record.isByPerson, let decision = record.decision, var own = try match(record), own.life.isOpen,
                [.discard, .take, .restore].contains(decision.choice)
            else { continue }
            own.life.settle(by: nil, .person, at: try store.log.lastPosition())
            own.decision = decision
            try store.conflictTable.save(own)
            conflicts.insert(own.id)
            try settleWithheld(of: own, .discarded)
        }
    }
}

/// The change sets that are at hand and not taken yet, by author.
private struct PendingSets {
    private struct Line {
        var records: [(seq: UInt64, id: UInt64)]
        var first = 0
        var gone: Set<UInt64> = []
    }

    private var lines: [UInt32: Line]

    init(_ records: [RecoveredSets.Record]) {
        lines = Dictionary(grouping: records, by: \.header.dot.replica).mapValues { records in
            Line(records: records.map { (seq: $0.header.dot.seq, id: $0.id) }.sorted { $0.seq < $1.seq })
        }
    }

    func has(_ replica: UInt32, upTo seq: UInt64) -> Bool {
        guard let line = lines[replica], line.first < line.records.count else { return false }
        return line.records[line.first].seq <= seq
    }

    mutating func remove(_ record: RecoveredSets.Record) {
        let replica = record.header.dot.replica
        lines[replica]?.gone.insert(record.id)
        while let line = lines[replica], line.first < line.records.count,
            line.gone.contains(line.records[line.first].id)
        {
            lines[replica]!.first += 1
        }
    }
}
