import Replication

/// What the driver knows of the hub's order at one moment: what it goes back to with the hub's file.
struct OrderRecord {
    var history: History
    let digests: [Dot: [UInt8]]
    let stamps: [Dot: UInt64]
    let position: UInt64
    let vector: VectorClock
    let contexts: [UInt32: VectorClock]
    let order: [Ordered]
}

/// The hub is lost, and an earlier image of its file stands in its place: the sites hand in what they know and follow it.
extension Fleet {
    var orderRecord: OrderRecord {
        OrderRecord(
            history: history, digests: orderDigests, stamps: orderHLC, position: observedPosition,
            vector: observedVector, contexts: contexts, order: orders[hub.replica] ?? [])
    }

    /// True once the hub has begun another epoch.
    package var hasLostHub: Bool { !formerHubs.isEmpty }

    /// - Parameter image: by its place among those taken, modulo their number; nil: the file as it is, on another machine.
    func loseHub(_ image: Int?, _ seat: SeatFate) throws {
        let former = hub.replica
        let record = image.map { orderRecords[$0 % orderRecords.count] } ?? orderRecord
        try hub.lose(image: image, seat: seat)
        guard hub.replica != former else {
            guard seat == .kept, try hub.lastPosition() == observedPosition else {
                throw Broken("durable: a hub that was put back goes on as if nothing had been")
            }
            return
        }
        formerHubs.insert(former)
        lineFaultPercent = 15
        // Who goes on from whom is true whatever the hub knows of it.
        let lines = history.lines
        history = record.history
        history.lines = lines
        orderDigests = record.digests
        orderHLC = record.stamps
        observedPosition = record.position
        observedVector = record.vector
        contexts = record.contexts
        orders[hub.replica] = record.order
        for index in sites.indices { sites[index].isGreeted = false }
        guard try hub.isRecovering && hub.lastPosition() == observedPosition else {
            throw Broken("durable: a hub that was put back does not gather what its sites know")
        }
    }

    /// An operator does not wait any longer.
    func acceptRecovery() throws {
        guard hub.isRecovering else { return }
        try absorbing { try hub.acceptRecovery(nowMs: nowMs) }
        hasAcceptedEarly = true
    }

    /// What the hub does may end its gathering.
    private func absorbing(_ body: () throws -> Void) throws {
        try body()
        isAbsorbing = true
        defer { isAbsorbing = false }
        try observe()
        if hub.isRecovering { return }
        try noteWithheld()
        try watch(self, .ingested)
    }

    // MARK: a site at a restored hub

    /// Does what the hub asks of a site that has followed a lost one.
    /// - Returns: false when the site must try again later.
    func recover(_ index: Int, _ asked: RecoveryAsked, _ follower: Follower) throws -> Bool {
        switch asked {
        case .wait: return false
        case .handIn(let after): return try handIn(index, follower, after: after)
        case .follow(let from, let at): return try follow(index, follower, from: from, at: at)
        }
    }

    /// The line may be cut anywhere: what has come is kept, and the rest is asked for at the next attempt.
    private func handIn(_ index: Int, _ follower: Follower, after position: UInt64) throws -> Bool {
        let node = sites[index].node
        let offers = try node.offers(after: position)
        if isCutOff() { return false }
        var handing = HandingIn(offers: offers, sealed: follower.sealed, atOnce: random.pick([3, 1000]))
        while let step = handing.next() {
            switch step {
            case .offer(let some):
                handing.wants(try hub.wanted(some, from: follower))
                if isCutOff() { return false }
            case .send(let dots):
                let bytes = try node.handedBytes(dots)
                let isCut = isCutOff()
                let arrived = isCut ? Array(bytes.prefix(random.int(0...bytes.count))) : bytes
                try hub.keep(Arrival(arrived, isCut: isCut, &random), from: follower)
                if isCut { return false }
            case .done: try absorbing { try hub.noteHeard(follower, nowMs: nowMs) }
            }
        }
        return !isCutOff()
    }

    private func isCutOff() -> Bool { random.chance(lineFaultPercent) }

    private func follow(_ index: Int, _ follower: Follower, from position: UInt64, at repair: UInt64) throws -> Bool {
        let node = sites[index].node
        let request = PullRequest(position: min(position, follower.position))
        let bytes = try hub.givePull(request, to: node.replica, nowMs: nowMs)
        try observe()
        let parcels = Wire.read(bytes).parcels
        guard !parcels.isEmpty, !isCutOff() else { return false }
        try seal(index)
        let isCut = isCutOff()
        let arrived = isCut ? Array(bytes.prefix(random.int(0...bytes.count))) : bytes
        var failure: (any Error)?
        do {
            _ = try node.takePull(Arrival(arrived, isCut: isCut, &random), isFollowing: true, nowMs: localMs(index))
        } catch {
            if node.isDiverged(error) {
                // Something that it took from the lost hub since it handed in.
                _ = try handIn(index, follower, after: position)
                return false
            }
            failure = error
        }
        // Of a transaction that was cut nothing stands: it still follows the lost hub, or it has come whole.
        let isFollowing = try node.follower().epochs.last?.hub == hub.replica
        if isFollowing {
            let reached = try node.position()
            try noteFollowed(index, parcels.filter { $0.delivery.position <= reached }, at: repair)
        }
        if let failure { throw failure }
        guard isFollowing || isCut else { throw Broken("never stuck: \(sites[index].name) does not follow the hub") }
        return isFollowing && !isCut
    }

    private func noteFollowed(_ index: Int, _ parcels: [Parcel], at place: UInt64) throws {
        let node = sites[index].node
        let name = sites[index].name
        guard let repair = parcels.first(where: { $0.delivery.position == place }), repair.header.kind == .arbitration
        else {
            throw Broken("atomic: \(name) follows a restored hub without its repair")
        }
        try noteResealed(index)
        var known: [UInt32: UInt64] = [:]
        func see(_ parcel: Parcel) {
            let header = parcel.header
            if header.kind == .arbitration {
                for entry in header.contextDelta.entries {
                    known[entry.replica] = max(known[entry.replica, default: 0], entry.seq)
                }
            }
            known[header.dot.replica] = max(known[header.dot.replica, default: 0], header.dot.seq)
            sites[index].seenHLC = max(sites[index].seenHLC, header.hlc)
            if header.kind == .decision { decisionsHad.insert(header.digest) }
        }
        see(repair)
        let own = sites[index].known[node.replica, default: 0]
        if own > 0 { known[node.replica] = own }
        for parcel in parcels where parcel.delivery.position > place { see(parcel) }
        sites[index].known = known
        sites[index].base = try node.rows()
        let last = parcels.last!.delivery.position
        guard try node.position() == last else {
            throw Broken("\(name) stands at \(try node.position()) of the restored hub's order, was handed \(last)")
        }
        let vector = try node.vector()
        guard vector == VectorClock(known.map { ($0.key, $0.value) }) else {
            throw Broken("\(name) says it has seen \(vector) of the restored hub, it has seen \(known)")
        }
        try watch(self, .taken(index))
    }

    /// What nobody else has may bear another header now: its author stands elsewhere in the order.
    private func noteResealed(_ index: Int) throws {
        let headers = try ownParcels(index, after: 0).map(\.header)
        for place in sites[index].own.indices {
            let old = sites[index].own[place]
            guard let header = headers.first(where: { $0.dot == old.set.dot }), header.digest != old.digest else {
                continue
            }
            guard orderDigests[old.set.dot] != old.digest else {
                throw Broken("durable: \(old.set.dot), which the hub has, is given another content")
            }
            note(
                RecordedSet(
                    dot: header.dot, hlc: header.hlc, context: old.set.context, seen: header.position,
                    writes: old.set.writes), header.digest, index, at: place)
        }
        sites[index].ownHLC = sites[index].own.last?.set.hlc ?? 0
    }

    /// What a person decided at a lost hub, and a living site had seen, and is not in the order any more.
    package func missingDecisions() -> [Dot] {
        let digests = Set(orderDigests.values)
        return decisionsHad.subtracting(digests).compactMap { sealedSets[$0]?.dot }.sorted()
    }
}
