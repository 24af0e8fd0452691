import Replication

/// The answer to a pull arrives at a node.
extension Fleet {
    func arriveAtNode(_ message: Message) throws {
        let node = sites[message.site].node
        // An answer that a lost hub gave is none once another is followed.
        let followed = try node.follower().epochs.last?.hub
        guard followed == nil || followed == message.hub else { return }
        let reading = Wire.read(message.bytes)
        let whole = Wire.transactions(reading.parcels).flatMap { $0 }
        let index = message.site
        let pending = try pendingWrites(index)
        let seen = try node.position()
        let handed = skipped(message, reading) + whole
        try checkWhole(index, handed, from: message.hub)
        try checkCausal(index, handed, after: seen)
        let isStale = try node.pullRequest() != message.request
        var failure: (any Error)?
        var taken = 0
        do {
            let arrival = Arrival(message.bytes, isCut: message.isCut, &random)
            taken = try node.takePull(arrival, isFollowing: false, nowMs: localMs(index))
        } catch let broken as Broken {
            throw broken
        } catch {
            failure = error
        }
        try noteTaken(index, handed, pending, from: message.hub, seen: seen, hasTaken: taken > 0)
        if let failure {
            let isRefusal =
                message.isBent && failure is CodecError || isStale && failure is CodecError
                || isOfAnother(index, whole, message.replica, after: seen)
            if failure is Interrupted || !isRefusal { throw failure }
            sites[index].isGreeted = false
            return
        }
        let last = max(seen, whole.last?.delivery.position ?? 0)
        guard try message.isBent || node.position() == last else {
            throw Broken("\(sites[index].name) stands at \(try node.position()), was handed \(last)")
        }
        if message.isCut, node.keepsEverything, !isStale { try checkKept(index, reading, behind: last) }
    }

    /// What is handed out is the hub's order without a gap, with its borders of hub transactions (promise 2).
    private func checkWhole(_ index: Int, _ handed: [Parcel], from hub: UInt32) throws {
        let order = orders[hub] ?? []
        for parcel in handed where order.indices.contains(Int(clamping: parcel.delivery.position) - 1) {
            let due = order[Int(parcel.delivery.position) - 1].header.dot
            guard due == parcel.header.dot else {
                throw Broken("causal: \(sites[index].name) is handed \(parcel.header.dot) in the place of \(due)")
            }
        }
        for (parcel, next) in zip(handed, handed.dropFirst())
        where next.delivery.position != parcel.delivery.position + 1 {
            throw Broken(
                "atomic: \(sites[index].name) is handed \(next.header.dot) behind \(parcel.header.dot), without what is between"
            )
        }
        for parcel in handed where !parcel.delivery.isAbsorbed {
            let place = Int(clamping: parcel.delivery.position) - 1
            guard order.indices.contains(place), order[place].endsTransaction != parcel.delivery.endsTransaction else {
                continue
            }
            throw Broken("atomic: \(sites[index].name) is handed \(parcel.header.dot) with a border where none is")
        }
    }

    /// What the site said that it keeps, and the hub left out therefore.
    private func skipped(_ message: Message, _ reading: Wire.Reading) -> [Parcel] {
        guard let request = message.request, let first = reading.first?.delivery.position,
            first > request.position + 1, let order = orders[message.hub], first <= UInt64(order.count) + 1
        else { return [] }
        return (request.position + 1..<first).map { position in
            let held = order[Int(position) - 1]
            return Parcel(
                header: held.header,
                delivery: Delivery(position: position, endsTransaction: held.endsTransaction), segments: [])
        }
    }

    /// Of the hub transaction that was cut, what had come is what it names when it pulls again.
    private func checkKept(_ index: Int, _ reading: Wire.Reading, behind position: UInt64) throws {
        let open = reading.open.flatMap { $0.heldSegments > 0 ? $0 : nil }
        guard let last = open ?? reading.parcels.last, last.delivery.position > position else { return }
        let held = try sites[index].node.pullRequest().held
        guard held == HeldPart(dot: last.header.dot, segments: UInt64(last.heldSegments)) else {
            throw Broken(
                "never stuck: \(sites[index].name) keeps \(held.map { "\($0.segments) segments of \($0.dot)" } ?? "nothing")"
                    + ", \(last.heldSegments) of \(last.header.dot) have come")
        }
    }

    /// Notes what a pull has brought, as far as the node has taken it, which seals first.
    private func noteTaken(
        _ index: Int, _ handed: [Parcel], _ pending: [RowIdentity: RecordedWrite], from hub: UInt32, seen: UInt64,
        hasTaken: Bool
    ) throws {
        let node = sites[index].node
        let name = sites[index].name
        let position = try node.position()
        if position > seen, let order = orders[hub], position <= UInt64(order.count) {
            guard order[Int(position) - 1].endsTransaction else {
                throw Broken("atomic: \(name) stands at \(position), within a hub transaction")
            }
        }
        let own = sites[index].known[node.replica, default: 0]
        let hasSealed = try !pending.isEmpty && !ownParcels(index, after: own).isEmpty
        guard position > seen || hasSealed || hasTaken else { return }
        // What it sealed on the way had seen nothing of this.
        try recordSeal(index, pending, seen: seen)
        for parcel in handed where parcel.delivery.position > seen && parcel.delivery.position <= position {
            let header = parcel.header
            see(header.dot, at: index)
            if hasLostHub, header.kind == .arbitration {
                // What the hub counts as seen of a lost hub is in no order.
                for entry in header.contextDelta.entries {
                    see(Dot(replica: entry.replica, seq: entry.seq), at: index)
                }
            }
            if header.kind == .decision { decisionsHad.insert(header.digest) }
            sites[index].seenHLC = max(sites[index].seenHLC, header.hlc)
        }
        let vector = try node.vector()
        let known = VectorClock(sites[index].known.map { ($0.key, $0.value) })
        guard vector == known else {
            throw Broken("\(name) says it has seen \(vector), it has seen \(known)")
        }
        if sites[index].touched.isEmpty, try node.inFlightCount() == 0 { sites[index].hasWrittenUnchecked = false }
        try watch(self, .taken(index))
    }

    private func see(_ dot: Dot, at index: Int) {
        sites[index].known[dot.replica] = max(sites[index].known[dot.replica, default: 0], dot.seq)
    }

    /// True when it was asked for under another number, or holds change sets of ours that our file has not sealed so.
    private func isOfAnother(_ index: Int, _ parcels: [Parcel], _ replica: UInt32, after position: UInt64) -> Bool {
        let node = sites[index].node
        if replica != node.replica { return true }
        return parcels.contains { parcel in
            let header = parcel.header
            return parcel.delivery.position > position && header.dot.replica == node.replica
                && !sites[index].own.contains { $0.digest == header.digest }
        }
    }

    /// Nothing is handed out before what its author had seen (promise 3).
    private func checkCausal(_ index: Int, _ parcels: [Parcel], after position: UInt64) throws {
        var known = sites[index].known
        for parcel in parcels where parcel.delivery.position > position {
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
}
