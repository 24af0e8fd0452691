import HTTP

/// The outcome of a stream of bytes, pieces of one body put together.
enum Outcome: Equatable {
    case head(RequestHead)
    case body([UInt8])
    case end
    case refused(Refusal)
}

/// What the request parser makes of `stream`, given to it in pieces of `size` bytes.
func requests(_ stream: [UInt8], pieces size: Int, _ limits: Limits = Limits()) -> [Outcome] {
    var parser = RequestParser(limits)
    var outcomes: [Outcome] = []
    for start in stride(from: 0, to: stream.count, by: size) {
        let piece = Array(stream[start..<min(start + size, stream.count)])
        var offset = 0
        while let event = parser.next(piece.span, &offset) {
            switch event {
            case .head(let head): outcomes.append(.head(head))
            case .end: outcomes.append(.end)
            case .refused(let refusal): outcomes.append(.refused(refusal))
            case .body(let bytes):
                if case .body(let before) = outcomes.last {
                    outcomes[outcomes.count - 1] = .body(before + bytes)
                } else {
                    outcomes.append(.body(bytes))
                }
            }
        }
    }
    return outcomes
}

/// The same for every way of cutting that is tried; nil when two ways differ.
func requests(_ text: String, _ limits: Limits = Limits()) -> [Outcome]? {
    requests(Array(text.utf8), limits)
}

func requests(_ stream: [UInt8], _ limits: Limits = Limits()) -> [Outcome]? {
    let whole = requests(stream, pieces: max(stream.count, 1), limits)
    for size in [1, 2, 3, 7, 64] where requests(stream, pieces: size, limits) != whole { return nil }
    return whole
}

/// The status with which the last outcome refuses, nil when it does not.
func refusal(_ text: String, _ limits: Limits = Limits()) -> Int? {
    refusal(Array(text.utf8), limits)
}

func refusal(_ stream: [UInt8], _ limits: Limits = Limits()) -> Int? {
    guard case .refused(let refusal) = requests(stream, limits)?.last else { return nil }
    return refusal.status.code
}

/// How many requests the stream holds whole; nil when cuttings differ.
func wholeRequests(_ text: String, _ limits: Limits = Limits()) -> Int? {
    requests(text, limits)?.count { $0 == .end }
}

/// What the response parser makes of `text`; `closed` when the connection ends behind it.
func response(_ text: String, to method: Method = .get, pieces size: Int, _ limits: Limits = Limits())
    -> (events: [ResponseParser.Event], endsWell: Bool)
{
    var parser = ResponseParser(to: method, limits)
    var events: [ResponseParser.Event] = []
    let stream = Array(text.utf8)
    for start in stride(from: 0, to: stream.count, by: size) {
        let piece = Array(stream[start..<min(start + size, stream.count)])
        var offset = 0
        while let event = parser.next(piece.span, &offset) {
            if case .body(let bytes) = event, case .body(let before) = events.last {
                events[events.count - 1] = .body(before + bytes)
            } else {
                events.append(event)
            }
        }
    }
    return (events, parser.onEndOfInput())
}
