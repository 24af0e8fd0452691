import HTTP
import JSONText
import Presentation
import ReplicaStore
import Replication

/// Why an exchange with the hub came to nothing.
package enum ExchangeError: Error, CustomStringConvertible {
    /// The hub was not reached, or the line was cut: nothing is lost, it goes on by itself.
    case unreachable(String)
    /// The hub answered that it will not.
    case refused(status: Int, title: String, detail: String, next: String)
    /// What the hub sent cannot be taken.
    case store(StoreError)

    package var description: String {
        switch self {
        case .unreachable(let why): why
        case .refused(_, let title, let detail, let next): "\(title): \(detail) \(next)"
        case .store(let error): "\(error)"
        }
    }

    /// True when we and the hub have met with other change sets than each thought: the next greeting finds out which.
    var isAboutContent: Bool {
        switch self {
        case .unreachable: false
        case .refused(let status, _, _, _): status == 409 || status == 422
        case .store(let error): error.kind == .diverged
        }
    }
}

extension NodeService {
    /// One push and one pull, then done.
    /// - Returns: how many change sets went and came.
    package func syncOnce() async throws(ExchangeError) -> (pushed: Int, pulled: Int) {
        do {
            try store.seal(nowMs: nowMs)
        } catch {
            throw .store(error)
        }
        do {
            return try await exchange()
        } catch {
            noteLink(error)
            guard error.isAboutContent else { throw error }
        }
        do {
            return try await exchange()
        } catch {
            noteLink(error)
            throw error
        }
    }

    private func exchange() async throws(ExchangeError) -> (pushed: Int, pulled: Int) {
        let pushed = try await pushAll()
        let pulled = try await pullAll(waitMs: 0)
        return (pushed, pulled)
    }

    // MARK: push

    /// Sends own change sets until the hub holds all that is sealed.
    func pushAll() async throws(ExchangeError) -> Int {
        var sent = 0
        var answer = hubState
        // Asked for anew after every failure: what the hub holds may not be what was thought.
        hubState = nil
        if !isGreeted { answer = nil }
        while true {
            let current: PushAnswer
            if let answer { current = answer } else { current = try await greet() }
            let known = current.vector[store.replica]
            let sealed = try storing { () throws(StoreError) in try store.sealedSeq() }
            try noteAcknowledged(known)
            if known == sealed {
                hubState = current
                return sent
            }
            let sets = try storing { () throws(StoreError) in try store.outgoing(after: known, maxBytes: 4 << 20) }
            guard let first = sets.first else { return sent }
            let resume = current.staged.flatMap { $0.seq == first.header.dot.seq ? $0.segments : nil } ?? 0
            let after = try await push(sets, firstSegment: resume)
            answer = after
            sent += sets.count
            guard after.vector[store.replica] > known else {
                throw .unreachable("the hub took nothing of what was pushed")
            }
        }
    }

    /// What the hub holds of this replica.
    struct PushAnswer: Sendable {
        let vector: VectorClock
        let staged: (seq: UInt64, segments: UInt64)?

        init?(_ json: JSON) {
            guard let vector = json["vector"].flatMap({ VectorClock(json: $0) }) else { return nil }
            self.vector = vector
            guard let seq = json["staged"]?["seq"]?.integer, let segments = json["staged"]?["segments"]?.integer else {
                staged = nil
                return
            }
            staged = (UInt64(clamping: seq), UInt64(clamping: segments))
        }
    }

    private func push(_ sets: [ChangeSet], firstSegment: UInt64) async throws(ExchangeError) -> PushAnswer {
        let sender = PushBody(sets, firstSegment: firstSegment)
        let body = Body { await sender.next() }
        let before = localNow()
        isPushing = true
        defer { isPushing = false }
        let response = try await send(pushTransport, .post, ["v1", "push"], body)
        let json = try await json(response)
        guard let answer = PushAnswer(json) else { throw .unreachable("the answer to a push is not the hub's") }
        if let hubTime = json["hub_time_ms"]?.integer { measureClock(hubTime, before: before) }
        noteContact()
        return answer
    }

    private func noteAcknowledged(_ seq: UInt64) throws(ExchangeError) {
        guard seq > acknowledged else { return }
        acknowledged = seq
        try storing { () throws(StoreError) in try store.noteAcknowledged(seq) }
    }

    // MARK: pull

    /// Takes in the order behind the position that this database has reached, until the hub has no more.
    ///
    /// - Parameter following: a restored hub whose order is to be followed from a position on that both agree about.
    func pullAll(
        waitMs: Int, following: (hub: UInt32, from: UInt64)? = nil
    ) async throws(ExchangeError) -> Int {
        if !isGreeted && following == nil { _ = try await greet() }
        let (reached, sealed) = try storing { () throws(StoreError) in (try store.position(), try store.sealedSeq()) }
        let position = min(reached, following?.from ?? .max)
        var request: JSON.Object = JSON.Object([
            ("position", .integer(Int64(position))), ("sealed", .integer(Int64(sealed))),
            ("wait_ms", .integer(Int64(waitMs))), ("clock_offset_ms", .integer(offsetMs)),
        ])
        // Taken before the wait: another exchange may come in between.
        let partial = following == nil ? self.partial : nil
        self.partial = nil
        if let partial, !partial.segments.isEmpty {
            request["resume"] = [
                "change": .string("\(partial.header.dot)"), "segment": .integer(Int64(partial.segments.count)),
            ]
        }
        let bytes: [UInt8]
        do { bytes = try JSON.object(request).bytes() } catch { throw .unreachable("\(error)") }
        let response = try await send(
            pullTransport, .post, ["v1", "pull"], Body(bytes: bytes), hub: following?.hub)
        guard response.headers["content-type"] == "application/vnd.samband.frames" else {
            throw .unreachable(
                "the answer to a pull is not the hub's, but of type \(response.headers["content-type"] ?? "none")")
        }
        var intake = PullIntake(partial: partial)
        var taken = 0
        do {
            while let piece = try await response.body.next() {
                try intake.append(piece)
                taken += try takeWhole(&intake, atLeast: 1 << 18)
            }
            taken += try takeWhole(&intake, atLeast: 0)
        } catch let error as ExchangeError {
            throw error
        } catch let error as CodecError {
            throw .unreachable("what came from the hub was damaged on the way (\(error))")
        } catch {
            // The line was cut: what is whole is taken, the segments of the rest are kept.
            taken += try takeWhole(&intake, atLeast: 0)
            self.partial = intake.rest
            throw .unreachable("the line was cut within a pull (\(error))")
        }
        guard let end = intake.end else { throw .unreachable("the pull ended without its end frame") }
        measureClock(Int64(clamping: end.hubTimeMs), before: localNow())
        noteContact()
        return taken
    }

    private func takeWhole(_ intake: inout PullIntake, atLeast bytes: Int) throws(ExchangeError) -> Int {
        guard intake.wholeBytes >= bytes, !intake.whole.isEmpty else { return 0 }
        let transactions = intake.takeWhole()
        try storing { () throws(StoreError) in try store.take(transactions, nowMs: nowMs) }
        wantPush()
        return transactions.reduce(0) { $0 + $1.count }
    }

    // MARK: requests

    func send(
        _ transport: any Transport, _ method: Method, _ path: [String], _ body: Body, hub following: UInt32? = nil
    ) async throws(ExchangeError) -> Response {
        let hub: UInt32
        if let following {
            hub = following
        } else {
            hub = try storing { () throws(StoreError) in try store.hubReplica() }
        }
        let request = Request(
            method, path: path,
            headers: [
                "authorization": FieldValue("Bearer \(secret)") ?? "",
                "samband-replica": FieldValue("\(store.replica)") ?? "", "samband-hub": FieldValue("\(hub)") ?? "",
            ], body: body)
        let response: Response
        do {
            response = try await transport.send(request)
        } catch {
            throw .unreachable("\(error)")
        }
        guard response.status == .ok else {
            let bytes = (try? await response.body.collect(limit: 1 << 16)) ?? []  // a cut problem is still a refusal
            let problem = try? JSON(parsing: bytes)  // a proxy answers with what it likes
            if response.headers["content-type"] != "application/problem+json" || problem == nil {
                throw .unreachable("something other than the hub answered, with status \(response.status)")
            }
            throw .refused(
                status: response.status.code, title: problem?["title"]?.string ?? "\(response.status)",
                detail: problem?["detail"]?.string ?? "", next: problem?["next"]?.string ?? "")
        }
        return response
    }

    func json(_ response: Response) async throws(ExchangeError) -> JSON {
        do {
            return try JSON(parsing: try await response.body.collect(limit: 1 << 22))
        } catch {
            throw .unreachable("the answer is not the hub's (\(error))")
        }
    }

    func storing<T>(_ body: () throws(StoreError) -> T) throws(ExchangeError) -> T {
        do { return try body() } catch { throw .store(error) }
    }

    // MARK: the line

    /// Half the way there and back lies between the hub's reading and now, at most.
    func measureClock(_ hubTimeMs: Int64, before: UInt64) {
        let after = Int64(localNow())
        let middle = Int64(before) + (after - Int64(before)) / 2
        // A machine may think that it is 1970; beyond that it is no clock, but somebody else's answer.
        let (offset, overflows) = hubTimeMs.subtractingReportingOverflow(middle)
        guard !overflows, offset.magnitude < 150 * 365 * 86_400_000 else { return }
        offsetMs = offset
        // Only a correction for next time: a failure to keep it harms nothing that is written.
        try? store.noteClockOffset(offsetMs)
    }

    func noteContact() {
        let now = localNow()
        link.lastContactMs = now
        if !link.isUp {
            link.isUp = true
            link.sinceMs = now
        }
        link.trouble = nil
        writeLink()
    }

    func noteLink(_ error: ExchangeError) {
        isGreeted = false
        switch error {
        case .refused, .store:
            // The hub was reached, or has nothing to do with it: the line is not what is wrong.
            if case .refused = error { noteContact() }
            link.trouble = "\(error)"
            return
        case .unreachable: break
        }
        if link.isUp {
            link.isUp = false
            link.sinceMs = localNow()
        }
        link.trouble = "\(error)"
        writeLink()
    }

    /// The node ends: what applications read must not say "up" until somebody starts it again.
    func noteEnd() {
        guard link.isUp else { return }
        link.isUp = false
        link.sinceMs = localNow()
        writeLink()
    }

    private func writeLink() {
        // For the view that applications read; the service itself goes by what is in memory.
        try? store.noteLink(
            isUp: link.isUp, since: rfc3339(ms: link.sinceMs), lastContact: link.lastContactMs.map { rfc3339(ms: $0) },
            lastContactMs: link.lastContactMs)
    }
}

/// The frames of one push, made while they are being sent.
private actor PushBody {
    private let sets: [ChangeSet]
    private var set = 0
    private var segment: Int
    private var headerIsDue = true

    init(_ sets: [ChangeSet], firstSegment: UInt64) {
        self.sets = sets
        segment = Int(clamping: firstSegment)
    }

    func next() -> [UInt8]? {
        guard set < sets.count else { return nil }
        var out: [UInt8] = []
        while set < sets.count && out.count < 1 << 18 {
            let current = sets[set]
            if headerIsDue {
                out += Frame.header(current.header, Delivery(firstSegment: UInt64(segment))).encoded()
                headerIsDue = false
            }
            if segment < current.segments.count {
                out += Frame.segment(current.segments[segment]).encoded()
                segment += 1
            }
            if segment >= current.segments.count {
                set += 1
                segment = 0
                headerIsDue = true
            }
        }
        return out
    }
}
