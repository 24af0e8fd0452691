import Replication

extension Fleet {
    // MARK: Sealing

    func seal(_ index: Int) throws {
        let writes = try pendingWrites(index)
        let dot = try sites[index].node.seal(nowMs: localMs(index))
        guard (dot == nil) == writes.isEmpty else {
            throw Broken(
                "captured: \(sites[index].name) sealed \(dot.map { "\($0)" } ?? "nothing"), expected \(writes.count) rows"
            )
        }
        try recordSeal(index, writes, seen: sites[index].node.position())
    }

    /// Records what was sealed and compares it with what the driver saw users do (promise 1).
    private func recordSeal(_ index: Int, _ writes: [RowIdentity: RecordedWrite], seen: UInt64) throws {
        sites[index].touched = [:]
        sites[index].base = try sites[index].node.rows()
        guard !writes.isEmpty else { return }
        let name = sites[index].name
        let replica = sites[index].node.replica
        let seq = sites[index].known[replica, default: 0] + 1
        let dot = Dot(replica: replica, seq: seq)
        guard
            let parcel = try sites[index].node.outgoing(after: seq - 1).first(where: { $0.header.dot == dot })
        else {
            throw Broken("\(name) has no change set \(dot) to send")
        }
        let header = parcel.header
        let shipped = try maker.decode(parcel.segments).mapValues { write in
            RecordedWrite(
                kind: RecordedWrite.Kind(write.operation), key: write.key, cells: write.cells, deltas: write.deltas)
        }
        guard shipped == writes else {
            throw Broken("captured: \(name) shipped \(legible(shipped)) for \(legible(writes))")
        }
        guard header.rowCount == UInt64(writes.count) else { throw Broken("\(dot) counts its rows wrong") }
        guard header.hlc > max(sites[index].seenHLC, sites[index].ownHLC) else {
            throw Broken("\(dot) has a stamp below one it has seen")
        }
        guard header.position == seen else {
            throw Broken("\(dot) names position \(header.position), its author was at \(seen)")
        }
        let set = RecordedSet(dot: dot, hlc: header.hlc, context: sites[index].known, seen: seen, writes: writes)
        sealedSets[header.digest] = set
        sites[index].own.append(Site.OwnSet(digest: header.digest, set: set))
        sites[index].known[replica] = seq
        sites[index].ownHLC = header.hlc
        try watch(self, .sealed(index))
    }

    // MARK: Messages

    func push(_ index: Int, _ fault: Fault) throws {
        guard try greet(index) else { return }
        try sites[index].node.noteAcknowledged(sites[index].acknowledged)
        let parcels = try sites[index].node.outgoing(after: sites[index].acknowledged)
        guard !parcels.isEmpty else { return }
        try send(
            Message(
                site: index, replica: sites[index].node.replica, hub: hub.replica, isPush: true,
                bytes: Wire.bytes(parcels)), fault)
    }

    func pull(_ index: Int, _ fault: Fault) throws {
        guard try greet(index) else { return }
        let node = sites[index].node
        let transactions = try hub.pull(for: node.replica, after: try node.position())
        try observe()
        let last = transactions.last?.last?.delivery.position ?? 0
        let end = StreamEnd(
            vector: try hub.vector(), position: last, frontier: VectorClock(), hubTimeMs: nowMs)
        let bytes = Wire.bytes(transactions.flatMap { $0 }, end: end)
        try send(
            Message(site: index, replica: node.replica, hub: hub.replica, isPush: false, bytes: bytes), fault)
    }

    private func send(_ message: Message, _ fault: Fault) throws {
        switch fault {
        case .none: try arrive(message, answered: true)
        case .lost: break
        case .late: mailbox.append(message)
        case .twice:
            mailbox.append(message)
            try arrive(message, answered: true)
        case .unanswered: try arrive(message, answered: false)
        case .cut(let thousandths):
            let bytes = Array(message.bytes.prefix(message.bytes.count * thousandths / 1000))
            try arrive(message.with(bytes), answered: false)
        case .bent(let thousandths):
            var bytes = message.bytes
            bytes[(bytes.count - 1) * thousandths / 1000] ^= 1 << UInt8(thousandths % 8)
            try arrive(message.with(bytes), answered: false)
        }
    }

    func arrive(_ message: Message, answered: Bool) throws {
        let parcels = Wire.parcels(message.bytes, random: &random).parcels
        if message.isPush {
            // It names the hub that it is meant for.
            guard message.hub == hub.replica else { return }
            for parcel in parcels {
                guard try arriveAtHub(parcel, message) else { return }
            }
            if answered { sites[message.site].acknowledged = try hub.vector()[message.replica] }
        } else {
            // An answer that a lost hub gave is none once another is followed.
            let followed = try sites[message.site].node.follower().epochs.last?.hub
            guard followed == nil || followed == message.hub else { return }
            try handOver(message.site, Wire.transactions(parcels), askedBy: message.replica)
        }
    }

    /// - Returns: false when the hub refused it, and so what comes behind it.
    private func arriveAtHub(_ parcel: Parcel, _ message: Message) throws -> Bool {
        let replica = message.replica
        let has = try hub.vector()[replica]
        do {
            let isNew = try hub.ingest(parcel, from: replica, nowMs: nowMs)
            guard isNew == (parcel.header.dot.seq == has + 1) else {
                throw Broken("the hub took \(parcel.header.dot) as \(isNew ? "new" : "known"), it had \(has)")
            }
        } catch let broken as Broken {
            throw broken
        } catch let interrupted as Interrupted {
            throw interrupted
        } catch {
            guard mayRefuse(parcel.header, has: has) else {
                throw Broken("the hub refused \(parcel.header.dot): \(error)")
            }
            sites[message.site].isGreeted = false
            try observe()
            return false
        }
        try observe()
        try noteWithheld()
        try watch(self, .ingested)
        return true
    }

    /// A gap may be refused, for an earlier message is still on the way; what is not what the hub has under that name, or
    /// does not follow it; and a stamp that is too far ahead.
    private func mayRefuse(_ header: ChangeSetHeader, has: UInt64) -> Bool {
        let dot = header.dot
        if dot.seq > has + 1 { return true }
        if dot.seq <= has { return orderDigests[dot] != header.digest }
        let last = has == 0 ? ChangeSetHeader.firstPrevious : orderDigests[Dot(replica: dot.replica, seq: has)]
        return header.previous != last || HybridClock.milliseconds(header.hlc) > nowMs + Limits.clockAheadMs
    }

    func noteWithheld() throws {
        for row in try hub.withheld() { history.withheld[row.row, default: []].insert(row.dot) }
    }

    /// Hands whole hub transactions to a node, which seals first.
    func handOver(_ index: Int, _ transactions: [[Parcel]], askedBy replica: UInt32) throws {
        guard !transactions.isEmpty else { return }
        let node = sites[index].node
        let pending = try pendingWrites(index)
        let seen = try node.position()
        try checkCausal(index, transactions, after: seen)
        do {
            try node.take(transactions, nowMs: localMs(index))
        } catch {
            guard isOfAnother(index, transactions, replica, after: seen), !(error is Interrupted || error is Broken)
            else { throw error }
            sites[index].isGreeted = false
            return
        }
        // What it sealed on the way had seen nothing of this.
        try recordSeal(index, pending, seen: seen)
        var position = seen
        for parcel in transactions.flatMap({ $0 }) where parcel.delivery.position > position {
            let dot = parcel.header.dot
            position = parcel.delivery.position
            sites[index].known[dot.replica] = max(sites[index].known[dot.replica, default: 0], dot.seq)
            if hasLostHub, parcel.header.kind == .arbitration {
                // What the hub counts as seen of a lost hub is in no order.
                for entry in parcel.header.contextDelta.entries {
                    sites[index].known[entry.replica] = max(sites[index].known[entry.replica, default: 0], entry.seq)
                }
            }
            if parcel.header.kind == .decision { decisionsHad.insert(parcel.header.digest) }
            sites[index].seenHLC = max(sites[index].seenHLC, parcel.header.hlc)
        }
        guard try node.position() == position else {
            throw Broken("\(sites[index].name) stands at \(try node.position()), was handed \(position)")
        }
        let vector = try node.vector()
        let known = VectorClock(sites[index].known.map { ($0.key, $0.value) })
        guard vector == known else {
            throw Broken("\(sites[index].name) says it has seen \(vector), it has seen \(known)")
        }
        if sites[index].touched.isEmpty, try node.inFlightCount() == 0 { sites[index].hasWrittenUnchecked = false }
        try watch(self, .taken(index))
    }

    /// True when it was asked for under another number, or holds change sets of ours that our file has not sealed so.
    private func isOfAnother(_ index: Int, _ transactions: [[Parcel]], _ replica: UInt32, after position: UInt64)
        -> Bool
    {
        let node = sites[index].node
        if replica != node.replica { return true }
        return transactions.flatMap { $0 }.contains { parcel in
            let header = parcel.header
            return parcel.delivery.position > position && header.dot.replica == node.replica
                && !sites[index].own.contains { $0.digest == header.digest }
        }
    }

    /// Nothing is handed out before what its author had seen (promise 3).
    private func checkCausal(_ index: Int, _ transactions: [[Parcel]], after position: UInt64) throws {
        var known = sites[index].known
        for parcel in transactions.flatMap({ $0 }) where parcel.delivery.position > position {
            let dot = parcel.header.dot
            if let context = history.sets[dot]?.context, dot.replica != sites[index].node.replica {
                for (replica, seq) in context
                where replica != dot.replica && known[replica, default: 0] < seq && !formerHubs.contains(replica) {
                    throw Broken("causal: \(sites[index].name) is handed \(dot) before \(replica):\(seq)")
                }
            }
            known[dot.replica] = max(known[dot.replica, default: 0], dot.seq)
        }
    }

    // MARK: Watching the hub

    /// Reads the hub's order on, and checks that it respects happened-before and that no border of a hub
    /// transaction parts an arbitration from what it arbitrates (promises 2 and 3).
    func observe() throws {
        if hub.isRecovering { return }
        for transaction in try hub.pull(for: observer, after: observedPosition) {
            for (place, parcel) in transaction.enumerated() {
                let header = parcel.header
                guard parcel.delivery.position == observedPosition + 1 else {
                    throw Broken("the hub's order has a gap before \(parcel.delivery.position)")
                }
                guard parcel.delivery.endsTransaction == (place == transaction.count - 1) else {
                    throw Broken("a border of a hub transaction is in the wrong place")
                }
                // Alone it may only tell of sites and of decisions that wrote nothing.
                if header.kind == .arbitration && place == 0, !isAbsorbing, try !maker.decode(parcel.segments).isEmpty {
                    throw Broken("atomic: an arbitration stands alone")
                }
                try observe(parcel)
                observedPosition += 1
                history.order.append(header.dot)
            }
        }
        guard try hub.vector() == observedVector else {
            throw Broken("the hub's vector is not what its order says")
        }
    }

    private func observe(_ parcel: Parcel) throws {
        let header = parcel.header
        let dot = header.dot
        var context = contexts[dot.replica] ?? VectorClock()
        context.merge(header.contextDelta)
        context.advance(dot.replica, to: dot.seq - 1)
        contexts[dot.replica] = context
        let living = context.entries.filter { !formerHubs.contains($0.replica) }
        guard observedVector.covers(VectorClock(living.map { ($0.replica, $0.seq) })) else {
            let lacking = living.filter { observedVector[$0.replica] < $0.seq }.map { "\($0.replica):\($0.seq)" }
            throw Broken("causal: \(dot) stands before what it had seen: \(lacking.joined(separator: ", "))")
        }
        guard observedVector[dot.replica] == dot.seq - 1 || formerHubs.contains(dot.replica) else {
            throw Broken("\(dot) is out of its author's order")
        }
        try checkStamp(header, context)
        guard contents[dot] == nil || contents[dot] == header.digest else {
            throw Broken("durable: \(dot) names two contents")
        }
        contents[dot] = header.digest
        orderDigests[dot] = header.digest
        orderHLC[dot] = header.hlc
        if let sealed = sealedSets[header.digest] {
            history.sets[dot] = sealed
            let truth = VectorClock(
                sealed.context.filter { !formerHubs.contains($0.key) }.map { ($0.key, $0.value) })
            guard sealed.isDecision || truth == VectorClock(living.map { ($0.replica, $0.seq) }) else {
                throw Broken("\(dot) says its context is \(context), it is \(truth)")
            }
            history.sets[dot]!.position = observedPosition + 1
        } else if header.kind == .decision {
            history.sets[dot] = try hubSet(parcel) { RecordedWrite.Kind($0.operation) }
            history.sets[dot]!.isDecision = true
            sealedSets[header.digest] = history.sets[dot]
        } else if dot.replica == hub.replica {
            let acts = try hubSet(parcel) { write in
                switch write.operation {
                case .restored, .insert: .insert
                case .update: .update
                default: nil
                }
            }
            if !acts.writes.isEmpty { history.hubActs.append(acts) }
            let verdict = try verdict(parcel)
            if !verdict.cells.isEmpty { history.verdicts.append(verdict) }
        } else {
            throw Broken("the hub gives out \(dot), which nobody sealed")
        }
        observedVector.advance(dot.replica, to: dot.seq)
        if hasLostHub, header.kind == .arbitration { observedVector.merge(header.contextDelta) }
    }

    /// The order of stamps is that of causes, and none is far ahead of the hub.
    private func checkStamp(_ header: ChangeSetHeader, _ context: VectorClock) throws {
        for (replica, seq) in context.entries {
            guard let before = orderHLC[Dot(replica: replica, seq: seq)], before >= header.hlc else { continue }
            throw Broken("clock: \(header.dot) has a stamp below that of \(replica):\(seq), which its author had seen")
        }
        guard HybridClock.milliseconds(header.hlc) <= nowMs + Limits.clockAheadMs + 1 else {
            throw Broken("clock: the stamp of \(header.dot) is too far ahead of the hub")
        }
    }

    /// The cells that policies decided: by themselves, or in a row that is carried whole.
    private func verdict(_ parcel: Parcel) throws -> History.Verdict {
        var cells: [RowIdentity: [Int: (stamp: Stamp, value: Value)]] = [:]
        for (row, write) in try maker.decode(parcel.segments) {
            guard write.operation == .decided || write.operation == .carried else { continue }
            for (column, stamp) in write.stamps where write.operation == .decided || stamp.replica == .max {
                cells[row, default: [:]][column] = (stamp, write.cells[column]!)
            }
        }
        return History.Verdict(dot: parcel.header.dot, cells: cells)
    }

    /// A change set of the hub's own, which knows all that stands before it.
    private func hubSet(
        _ parcel: Parcel, kind: (DecodedWrite) -> RecordedWrite.Kind?
    ) throws -> RecordedSet {
        var known: [UInt32: UInt64] = [:]
        for entry in observedVector.entries { known[entry.replica] = entry.seq }
        var writes: [RowIdentity: RecordedWrite] = [:]
        for (row, write) in try maker.decode(parcel.segments) {
            guard let kind = kind(write) else { continue }
            // Cells with stamps of their own repeat other writes.
            let cells = write.stamps.isEmpty ? write.cells : [:]
            writes[row] = RecordedWrite(kind: kind, key: write.key, cells: cells)
        }
        return RecordedSet(
            dot: parcel.header.dot, hlc: parcel.header.hlc, context: known, seen: observedPosition,
            writes: writes,
            position: observedPosition + 1)
    }

    func legible(_ writes: [RowIdentity: RecordedWrite]) -> String {
        writes.sorted { $0.key < $1.key }.map { row, write in
            let cells = write.cells.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value.legible)" }
            return "\(write.kind) \(row)(\(cells.joined(separator: ", ")))"
        }.joined(separator: "; ")
    }
}

extension RecordedWrite.Kind {
    /// What a site's operation claims to be; what only the hub may author is taken for an insert and so noticed.
    init(_ operation: Operation) {
        switch operation {
        case .update: self = .update
        case .replace: self = .replace
        case .delete: self = .delete
        case .insert, .carried, .decided, .evicted, .restored: self = .insert
        }
    }
}
