import HTTP
import JSONText
import NodeDatabase
import Presentation
import Replication
import TableModel

/// Why an exchange with the hub came to nothing.
package enum ExchangeError: Error, CustomStringConvertible {
    /// The hub was not reached, or the line was cut: nothing is lost, it goes on by itself.
    case unreachable(String, LineFault = .other)
    /// The hub answered that it will not.
    case refused(status: Int, title: String, detail: String, next: String)
    /// What the hub sent cannot be taken.
    case store(StoreError)

    package var description: String {
        switch self {
        case .unreachable(let why, _): why
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
        defer { keepNotes(after: 0) }
        let pushed = try await noting(.push) { () async throws(ExchangeError) in try await pushAll() }
        let pulled = try await noting(.pull) { () async throws(ExchangeError) in try await pullAll(waitMs: 0) }
        await endRotation()
        return (pushed, pulled)
    }

    private func noting(
        _ part: Watchdog.Part, _ body: () async throws(ExchangeError) -> Int
    ) async throws(ExchangeError) -> Int {
        do {
            let count = try await body()
            succeeded(part)
            return count
        } catch {
            failed(part, error)
            guard error.isAboutContent else { throw error }
        }
        do {
            let count = try await body()
            succeeded(part)
            return count
        } catch {
            failed(part, error)
            throw error
        }
    }

    // MARK: push

    /// Sends own change sets until the hub holds all that is sealed.
    package func pushAll() async throws(ExchangeError) -> Int {
        try storing { () throws(StoreError) in try store.checkFiles() }
        var sent = 0
        var answer = hubState
        // Asked for anew after every failure: what the hub holds may not be what was thought.
        hubState = nil
        if !isGreeted { answer = nil }
        while true {
            let current: Message<PushAnswer>
            if let answer { current = answer } else { current = try await greet() }
            let known = current.vector[store.replica]
            let sealed = try storing { () throws(StoreError) in try store.sealedSeq() }
            noteAcknowledged(known)
            if known == sealed {
                hubState = current
                // What both machines had is at the hub: now the two can part.
                if isTwin { isGreeted = false }
                return sent
            }
            let sets = try storing { () throws(StoreError) in try store.offers(after: known, maxBytes: 4 << 20) }
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

    func push(
        _ sets: [NodeStore.Outgoing], firstSegment: UInt64
    ) async throws(ExchangeError) -> Message<PushAnswer> {
        let sender = FrameBody(self, .push(PushStream(sets, firstSegment: firstSegment)))
        let body = Body { try await sender.next() }
        // The hub takes in what it has been sent before it answers.
        let answerMs = Self.answerMs + sets.reduce(0) { $0 + $1.bytes } / 1000
        let before = localNow()
        isPushing = true
        defer { isPushing = false }
        let response = try await send(pushTransport, .post, ["v1", "push"], body, answerWithinMs: answerMs)
        let answer = try await read(PushAnswer.self, response, "a push")
        measureClock(answer.hubTimeMs, before: before)
        noteContact()
        return answer
    }

    private func noteAcknowledged(_ seq: UInt64) {
        guard seq > acknowledged else { return }
        acknowledged = seq
        store.noteAcknowledged(seq)
        keepNotes(after: Self.notesMs)
    }

    // MARK: pull

    /// Takes in the order behind the position that this database has reached, until the hub has no more.
    ///
    /// - Parameter following: a restored hub whose order is to be followed from a position on that both agree about.
    package func pullAll(
        waitMs: Int, following: (hub: UInt32, from: UInt64)? = nil
    ) async throws(ExchangeError) -> Int {
        // The position below tells the hub what this file has.
        try storing { () throws(StoreError) in try store.checkFiles() }
        if !isGreeted && following == nil { _ = try await greet() }
        let (reached, sealed) = try storing { () throws(StoreError) in (try store.position(), try store.sealedSeq()) }
        let position = min(reached, following?.from ?? .max)
        // What an earlier pull has left of the next hub transaction; the hub goes on behind it.
        let left =
            following == nil ? try storing { () throws(StoreError) in try store.staged() } : []
        let asked = Message<PullRequest> {
            ($0.position, $0.sealed, $0.waitMs, $0.clockOffsetMs) = (position, sealed, UInt64(waitMs), offsetMs)
            $0.resume = left.last.map { last in
                Message { ($0.change, $0.segment) = (last.header.dot, UInt64(last.segmentCount)) }
            }
        }
        let response = try await send(
            pullTransport, ["v1", "pull"], asked, answerWithinMs: waitMs + Self.answerMs, hub: following?.hub)
        guard response.headers["content-type"] == "application/vnd.samband.frames" else {
            throw .unreachable(
                "the answer to a pull is not the hub's, but of type \(response.headers["content-type"] ?? "none")",
                LineFault(response))
        }
        var intake = PullIntake(left: left, localMs: localNow())
        var taken = 0
        do {
            while let piece = try await response.body.next() {
                taken += noteTaken(try intake.take(piece, store, localMs: localNow(), nowMs: nowMs))
            }
            taken += noteTaken(try intake.takeWhole(store, nowMs: nowMs))
        } catch let error as StoreError {
            throw .store(error)
        } catch let error as CodecError {
            throw .unreachable("what came from the hub was damaged on the way (\(error))", .stranger)
        } catch {
            try storing { () throws(StoreError) in
                _ = noteTaken(try intake.takeWhole(store, nowMs: nowMs))
                try intake.keepRest(store)
            }
            throw .unreachable("the line was cut within a pull (\(error))", .cut)
        }
        guard let end = intake.end else { throw .unreachable("the pull ended without its end frame", .cut) }
        measureClock(Int64(clamping: end.hubTimeMs), before: localNow())
        noteContact()
        return taken
    }

    /// - Parameter count: of change sets that a pull has brought.
    private func noteTaken(_ count: Int) -> Int {
        if count > 0 {
            watchdog.disk.succeeded()
            wantPush()
        }
        return count
    }

    // MARK: requests

    /// Posts a message with its digest.
    func send(
        _ transport: any Transport, _ path: [String], _ message: Message<some Shape>, answerWithinMs: Int = answerMs,
        hub: UInt32? = nil
    ) async throws(ExchangeError) -> Response {
        let bytes: [UInt8]
        do { bytes = try message.json.bytes() } catch { throw .unreachable("\(error)") }
        return try await send(
            transport, .post, path, Body(bytes: bytes), answerWithinMs: answerWithinMs, hub: hub,
            proof: ContentDigest.field(of: bytes))
    }

    /// Posts a message and reads the answer.
    ///
    /// - Parameter what: what is answered, for the error: "a push".
    func ask<Answer>(
        _ path: [String], _ message: Message<some Shape>, _ what: String, answerWithinMs: Int = answerMs
    ) async throws(ExchangeError) -> Message<Answer> {
        try await read(Answer.self, try await send(pushTransport, path, message, answerWithinMs: answerWithinMs), what)
    }

    func send(
        _ transport: any Transport, _ method: Method, _ path: [String], _ body: Body, answerWithinMs: Int = answerMs,
        hub following: UInt32? = nil, proof: FieldValue? = nil
    ) async throws(ExchangeError) -> Response {
        let hub: UInt32
        if let following {
            hub = following
        } else {
            hub = try storing { () throws(StoreError) in try store.hubReplica() }
        }
        var request = Request(
            method, path: path,
            headers: [
                "authorization": FieldValue("Bearer \(secret)") ?? "",
                "samband-replica": FieldValue("\(store.replica)") ?? "", "samband-hub": FieldValue("\(hub)") ?? "",
                "samband-site": FieldValue(store.site) ?? "",
            ], body: body)
        if let proof { request.headers.set(ContentDigest.name, proof) }
        request.answerWithinMs = answerWithinMs
        let response: Response
        do {
            response = try await transport.send(request)
        } catch {
            throw .unreachable("\(error)", LineFault(error))
        }
        noteRetryAfter(response)
        guard response.status == .ok else {
            // A cut problem is none; a proxy answers with what it likes.
            let bytes = (try? await SmallAnswer.bytes(of: response, limit: 1 << 16)) ?? []
            let problem = try? JSON(parsing: bytes)
            if response.headers["content-type"] != "application/problem+json" || problem == nil {
                throw .unreachable(
                    "something other than the hub answered, with status \(response.status)", LineFault(response))
            }
            throw .refused(
                status: response.status.code, title: problem?["title"]?.string ?? "\(response.status)",
                detail: problem?["detail"]?.string ?? "", next: problem?["next"]?.string ?? "")
        }
        return response
    }

    /// The message that an answer holds, with the digest of its bytes.
    func read<Answer>(
        _ shape: Answer.Type, _ response: Response, _ what: String
    ) async throws(ExchangeError) -> Message<Answer> {
        let json: JSON
        do {
            let bytes = try await SmallAnswer.bytes(of: response, limit: 1 << 22)
            guard ContentDigest.fits(bytes, response.headers) else {
                throw ExchangeError.unreachable(
                    "the answer is not the hub's, or was damaged on the way", LineFault(response))
            }
            json = try JSON(parsing: bytes)
        } catch let error as ExchangeError {
            throw error
        } catch let error as TransportError {
            throw .unreachable("\(error)", LineFault(error))
        } catch {
            throw .unreachable("the answer is not the hub's (\(error))", LineFault(response))
        }
        guard let answer = Message<Answer>(json: json) else {
            throw .unreachable("the answer to \(what) is not the hub's", LineFault(response))
        }
        return answer
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
        store.noteClockOffset(offsetMs)
    }
}
