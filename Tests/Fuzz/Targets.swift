import HTTP
import JSONText
import Replication

/// What is fed to each decoder, and what must be true of what it makes of it. A trap, a hang or too much memory ends the
/// process, and libFuzzer keeps the bytes.
let targets: [String: Target] = [
    "frame": Target(memoryPerByte: 48, frame), "header": Target(memoryPerByte: 48, header),
    "segment": Target(memoryPerByte: 64, segment), "vector": Target(memoryPerByte: 64, vector),
    "json": Target(memoryPerByte: 128, json), "literal": Target(memoryPerByte: 96, literal),
    "request": Target(memoryPerByte: 96, request), "response": Target(memoryPerByte: 96, response),
    // Faults that the fuzzer has to find, or it finds nothing at all.
    "planted-trap": Target(memoryPerByte: 48, plantedTrap),
    "planted-reserve": Target(memoryPerByte: 48, plantedReserve),
    "planted-hang": Target(memoryPerByte: 48, plantedHang),
]

struct Target: Sendable {
    /// Bytes that may be held at once for each byte that came, beside a constant: nothing is reserved because it was
    /// announced.
    let memoryPerByte: Int
    let run: @Sendable ([UInt8]) -> Void

    init(memoryPerByte: Int, _ run: @escaping @Sendable ([UInt8]) -> Void) {
        self.memoryPerByte = memoryPerByte
        self.run = run
    }
}

/// A trap behind four bytes, each of which has to be right before the next one counts.
@Sendable private func plantedTrap(_ bytes: [UInt8]) {
    var reader = ByteReader(0..<bytes.count, reading: "planted")
    for wanted in "samb".utf8 { guard (try? reader.byte(bytes.span)) == wanted else { return } }
    fatalError("the planted trap")
}

/// Room is made for as many as are announced.
@Sendable private func plantedReserve(_ bytes: [UInt8]) {
    var reader = ByteReader(0..<bytes.count, reading: "planted")
    guard let count = try? reader.count(bytes.span, of: "numbers", atMost: 1 << 20) else { return }
    var numbers: [UInt64] = []
    numbers.reserveCapacity(count)
    while let number = try? reader.varint(bytes.span) { numbers.append(number) }
    precondition(numbers.count <= bytes.count)
}

/// A length of zero never ends.
@Sendable private func plantedHang(_ bytes: [UInt8]) {
    var place = 0
    while place < bytes.count, bytes[0] == 0x68 { place += Int(bytes[place]) }
}

/// A kind and a body: the length and the checksum, which no chance would hit, are made to fit. And the bytes as they are.
@Sendable private func frame(_ bytes: [UInt8]) {
    var raw = FrameReader(bodyMaxBytes: 1 << 20)
    raw.append(bytes)
    while let frame = try? raw.next() { _ = frame }
    guard let kind = bytes.first else { return }
    var out = ByteWriter()
    out.byte(kind)
    out.fixed32(UInt32(bytes.count - 1))
    out.raw(bytes[1...])
    out.raw(SHA256.digest(out.bytes).prefix(Frame.checksumBytes))
    var reader = FrameReader()
    // In two pieces, wherever they are cut.
    reader.append(Array(out.bytes.prefix(bytes.count / 2)))
    if (try? reader.next()) ?? nil != nil { fatalError("half a frame was read") }
    reader.append(Array(out.bytes.dropFirst(bytes.count / 2)))
    guard let frame = try? reader.next() else { return }
    precondition(frame.encoded() == out.bytes, "there is one way to write a frame")
}

@Sendable private func header(_ bytes: [UInt8]) {
    guard let header = try? ChangeSetHeader(bytes) else { return }
    precondition(header.encoded() == bytes, "there is one way to write a header")
}

/// Whoever holds a segment can walk it without a check, and index its keys.
@Sendable private func segment(_ bytes: [UInt8]) {
    guard let segment = try? Segment(bytes) else { return }
    let span = segment.bytes.span
    var rows = 0
    for block in segment.blocks {
        var cursor = RowCursor(block)
        var keys = RowCursor(block)
        let shape = TableShape(
            number: block.kind.table, keyCollations: block.keySections.map { _ in .nocase },
            dataColumnCount: block.kind.columns.count)
        while cursor.next(span) {
            rows += 1
            precondition(keys.nextKey(span), "as many keys as rows")
            precondition(keys.key == cursor.key, "the same keys")
            let key = cursor.key.map { $0.value(in: span) }
            _ = RowID(shape: shape, key: key).hash64
            for cell in cursor.cells { _ = cell.value(in: span) }
        }
    }
    precondition(rows == segment.rowCount, "as many rows as are counted")
}

@Sendable private func vector(_ bytes: [UInt8]) {
    var reader = ByteReader(0..<bytes.count, reading: "vector clock")
    guard let clock = try? reader.vector(bytes.span) else { return }
    var out = ByteWriter()
    out.vector(clock)
    precondition(out.bytes == Array(bytes[..<reader.offset]), "there is one way to write a vector clock")
    precondition(clock.covers(clock), "it covers itself")
}

@Sendable private func json(_ bytes: [UInt8]) {
    guard let value = try? JSON(parsing: bytes) else { return }
    guard let written = try? value.bytes() else { return }
    guard let again = try? JSON(parsing: written, within: JSON.Bounds(bytes: 16 << 20)) else {
        fatalError("what was written is read again")
    }
    precondition((try? again.bytes()) == written, "and written as it was")
    _ = Base64.decode(String(decoding: bytes, as: UTF8.self))
}

@Sendable private func literal(_ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    if let key = try? Literal.key(text) { for value in key { _ = try? value.json.bytes() } }
    if let value = try? Literal.value(text) { _ = try? value.json.bytes() }
}

/// Cut into pieces of any size, a stream of requests means the same.
@Sendable private func request(_ bytes: [UInt8]) {
    func events(_ size: Int) -> [RequestParser.Event] {
        var parser = RequestParser(Limits())
        var events: [RequestParser.Event] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
            let piece = Array(bytes[start..<min(start + size, bytes.count)])
            var offset = 0
            while let event = parser.next(piece.span, &offset) {
                if case .body(let new) = event, case .body(let before) = events.last {
                    events[events.count - 1] = .body(before + new)
                } else {
                    events.append(event)
                }
            }
        }
        return events
    }
    let whole = events(max(1, bytes.count))
    for size in [1, 7] { precondition(events(size) == whole, "a request in pieces is the same request") }
}

@Sendable private func response(_ bytes: [UInt8]) {
    func events(_ size: Int, _ method: Method) -> [ResponseParser.Event] {
        var parser = ResponseParser(to: method, Limits())
        var events: [ResponseParser.Event] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
            let piece = Array(bytes[start..<min(start + size, bytes.count)])
            var offset = 0
            while let event = parser.next(piece.span, &offset) {
                if case .body(let new) = event, case .body(let before) = events.last {
                    events[events.count - 1] = .body(before + new)
                } else {
                    events.append(event)
                }
            }
        }
        _ = parser.onEndOfInput()
        return events
    }
    for method in [Method.get, .head] {
        let whole = events(max(1, bytes.count), method)
        for size in [1, 7] { precondition(events(size, method) == whole, "a response in pieces is the same response") }
    }
}
