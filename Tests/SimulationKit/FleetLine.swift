import Replication

/// How often messages were cut, and how often the next one went on behind the cut.
package struct LineTally: Sendable {
    package var pushes = 0
    package var cutPushes = 0
    package var resumedPushes = 0
    package var pulls = 0
    package var cutPulls = 0
    package var resumedPulls = 0

    package init() {}

    package static func += (sum: inout LineTally, more: LineTally) {
        sum.pushes += more.pushes
        sum.cutPushes += more.cutPushes
        sum.resumedPushes += more.resumedPushes
        sum.pulls += more.pulls
        sum.cutPulls += more.cutPulls
        sum.resumedPulls += more.resumedPulls
    }
}

extension LineTally: CustomStringConvertible {
    package var description: String {
        func share(_ part: Int, _ whole: Int) -> String { "\(part) (\(part * 100 / max(1, whole)) %)" }
        return "of \(pushes) pushes \(share(cutPushes, pushes)) cut and \(share(resumedPushes, pushes)) gone on"
            + " with behind a cut, of \(pulls) pulls \(share(cutPulls, pulls)) cut and"
            + " \(share(resumedPulls, pulls)) gone on with"
    }
}

/// What stands at one position of a hub's order.
struct Ordered {
    let header: ChangeSetHeader
    /// True where a hub transaction ends.
    let endsTransaction: Bool
}

/// Pushes and pulls, and what becomes of them on the way.
extension Fleet {
    func push(_ index: Int, _ fault: Fault) throws {
        guard try greet(index) else { return }
        let site = sites[index]
        let known = site.acknowledged
        try site.node.noteAcknowledged(known)
        let next = Dot(replica: site.node.replica, seq: known + 1)
        let held = site.heldAtHub.flatMap { $0.dot == next ? $0.segments : nil } ?? 0
        sites[index].heldAtHub = nil
        let bytes = try site.node.pushBytes(after: known, firstSegment: held)
        guard !bytes.isEmpty else { return }
        line.pushes += 1
        if held > 0 { line.resumedPushes += 1 }
        try send(Message(site: index, replica: next.replica, hub: hub.replica, request: nil, bytes: bytes), fault)
    }

    func pull(_ index: Int, _ fault: Fault) throws {
        guard try greet(index) else { return }
        let node = sites[index].node
        let request = try node.pullRequest()
        let bytes = try hub.givePull(request, to: node.replica, nowMs: nowMs)
        try observe()
        line.pulls += 1
        if let first = Wire.read(bytes).first,
            first.delivery.firstSegment > 0 || first.delivery.position > request.position + 1
        {
            line.resumedPulls += 1
        }
        try send(Message(site: index, replica: node.replica, hub: hub.replica, request: request, bytes: bytes), fault)
    }

    private func send(_ message: Message, _ fault: Fault) throws {
        var arrived = message
        switch fault {
        case .none: try arrive(message, answered: true)
        case .lost: break
        case .late: mailbox.append(message)
        case .twice:
            mailbox.append(message)
            try arrive(message, answered: true)
        case .unanswered: try arrive(message, answered: false)
        case .cut(let thousandths):
            arrived.bytes = Array(message.bytes.prefix(message.bytes.count * thousandths / 1000))
            arrived.isCut = true
            if message.isPush { line.cutPushes += 1 } else { line.cutPulls += 1 }
            // It asks what has come of it before it goes on.
            sites[message.site].isGreeted = false
            try arrive(arrived, answered: false)
        case .bent(let thousandths):
            arrived.bytes[(arrived.bytes.count - 1) * thousandths / 1000] ^= 1 << UInt8(thousandths % 8)
            arrived.isBent = true
            try arrive(arrived, answered: false)
        }
    }

    func arrive(_ message: Message, answered: Bool) throws {
        guard message.isPush else { return try arriveAtNode(message) }
        // It names the hub that it is meant for.
        guard message.hub == hub.replica, try arriveAtHub(message), answered else { return }
        sites[message.site].acknowledged = try hub.vector()[message.replica]
        sites[message.site].heldAtHub = try hub.held(of: message.replica)
    }

    // MARK: At the hub

    /// - Returns: false when the hub refused something of it.
    private func arriveAtHub(_ message: Message) throws -> Bool {
        let has = try hub.vector()[message.replica]
        let held = try hub.held(of: message.replica)
        let reading = Wire.read(message.bytes)
        let (mayRefuse, due) = expected(reading, has: has, held: held)
        var failure: (any Error)?
        do {
            let arrival = Arrival(message.bytes, isCut: message.isCut, &random)
            try hub.takePush(arrival, from: message.replica, nowMs: nowMs)
        } catch let error where error is Broken || error is Interrupted {
            throw error
        } catch {
            failure = error
        }
        let now = try hub.vector()[message.replica]
        if let failure {
            guard mayRefuse || message.isBent && failure is CodecError else {
                throw Broken("the hub refused what replica \(message.replica) pushed behind \(has): \(failure)")
            }
            sites[message.site].isGreeted = false
        } else if !message.isBent, !mayRefuse, now != due {
            throw Broken("the hub is at \(now) of replica \(message.replica), it was at \(has) and given up to \(due)")
        }
        try observe()
        if now > has {
            try noteWithheld()
            try watch(self, .ingested)
        }
        if failure == nil, message.isCut { try checkKept(reading.open, by: message.replica, at: now) }
        return failure == nil
    }

    /// A push that was cut goes on behind what had come of it: else a large one never gets over a bad line.
    private func checkKept(_ open: Parcel?, by replica: UInt32, at has: UInt64) throws {
        guard let open, open.heldSegments > 0, open.header.dot == Dot(replica: replica, seq: has + 1) else { return }
        let held = try hub.held(of: replica)
        guard held?.dot == open.header.dot, held?.segments ?? 0 >= UInt64(open.heldSegments) else {
            throw Broken(
                "never stuck: the hub keeps \(held?.segments ?? 0) segments of \(open.header.dot), of which"
                    + " \(open.heldSegments) have come")
        }
    }

    /// What the hub must make of a push: whether it may refuse something of it, and else up to where it has all.
    ///
    /// A gap may be refused, for an earlier message is still on the way; what is not what the hub has under that name, or
    /// does not follow it; a stamp that is too far ahead; and what goes on behind segments that are not there any more.
    private func expected(
        _ reading: Wire.Reading, has: UInt64, held: HeldPart?
    ) -> (mayRefuse: Bool, due: UInt64) {
        var due = has
        var last: [UInt8]?
        for parcel in reading.parcels + [reading.open].compactMap({ $0 }) {
            let header = parcel.header
            let dot = header.dot
            if dot.seq > due + 1 { return (true, due) }
            if dot.seq <= due {
                if orderDigests[dot] != header.digest { return (true, due) }
                continue
            }
            let before = Dot(replica: dot.replica, seq: due)
            let previous = last ?? (due == 0 ? ChangeSetHeader.firstPrevious : orderDigests[before])
            let isAhead = HybridClock.milliseconds(header.hlc) > nowMs + Limits.clockAheadMs
            let isGone = parcel.delivery.firstSegment > (held?.dot == dot ? held!.segments : 0)
            if header.previous != previous || isAhead || isGone { return (true, due) }
            if parcel.header == reading.open?.header { break }
            due = dot.seq
            last = header.digest
        }
        return (false, due)
    }
}

extension Wire.Reading {
    /// The first that has begun in it.
    var first: Parcel? { parcels.first ?? open }
}
