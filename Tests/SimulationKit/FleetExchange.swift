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
    func recordSeal(_ index: Int, _ writes: [RowIdentity: RecordedWrite], seen: UInt64) throws {
        sites[index].touched = [:]
        sites[index].base = try sites[index].node.rows()
        guard !writes.isEmpty else { return }
        let name = sites[index].name
        let replica = sites[index].node.replica
        let seq = sites[index].known[replica, default: 0] + 1
        let dot = Dot(replica: replica, seq: seq)
        guard
            let parcel = try ownParcels(index, after: seq - 1).first(where: { $0.header.dot == dot })
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

    /// Own change sets of a site behind a seq, as it would push them.
    func ownParcels(_ index: Int, after seq: UInt64) throws -> [Parcel] {
        Wire.read(try sites[index].node.pushBytes(after: seq, firstSegment: 0)).parcels
    }

    func noteWithheld() throws {
        for row in try hub.withheld() { history.withheld[row.row, default: []].insert(row.dot) }
    }

    // MARK: Watching the hub

    /// Reads the hub's order on, and checks that it respects happened-before and that no border of a hub
    /// transaction parts an arbitration from what it arbitrates (promises 2 and 3).
    func observe() throws {
        if hub.isRecovering { return }
        let order = try hub.givePull(PullRequest(position: observedPosition), to: observer, nowMs: nowMs)
        for transaction in Wire.transactions(Wire.read(order).parcels) {
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
                orders[hub.replica, default: []].append(
                    Ordered(header: header, endsTransaction: parcel.delivery.endsTransaction))
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
