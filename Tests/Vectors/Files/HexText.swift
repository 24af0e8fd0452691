/// Bytes as text, in which a run is short: `0a 00*65536`. White space parts the pieces, `#` begins a remark.
enum HexText {
    struct Malformed: Error { let piece: String }

    static func read(_ text: String) throws -> [UInt8] {
        var bytes: [UInt8] = []
        for line in text.split(separator: "\n") {
            let content = line.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)[0]
            for piece in content.split(whereSeparator: { $0.isWhitespace }) {
                let parts = piece.split(separator: "*", maxSplits: 1, omittingEmptySubsequences: false)
                let digits = Array(parts[0].utf8)
                guard digits.count % 2 == 0, !digits.isEmpty else { throw Malformed(piece: String(piece)) }
                var unit: [UInt8] = []
                for place in stride(from: 0, to: digits.count, by: 2) {
                    let pair = String(decoding: digits[place..<place + 2], as: UTF8.self)
                    guard let byte = UInt8(pair, radix: 16) else { throw Malformed(piece: String(piece)) }
                    unit.append(byte)
                }
                guard let times = parts.count == 1 ? 1 : Int(parts[1]) else {
                    throw Malformed(piece: String(piece))
                }
                for _ in 0..<times { bytes.append(contentsOf: unit) }
            }
        }
        return bytes
    }

    /// Pieces of at most 32 bytes, and of one byte many times.
    static func pieces(_ bytes: [UInt8]) -> [String] {
        var pieces: [String] = []
        var plain = ""
        func endPlain() {
            if !plain.isEmpty { pieces.append(plain) }
            plain = ""
        }
        var place = 0
        while place < bytes.count {
            var end = place
            while end < bytes.count && bytes[end] == bytes[place] { end += 1 }
            if end - place >= 24 {
                endPlain()
                pieces.append("\(digits(bytes[place]))*\(end - place)")
                place = end
            } else {
                plain += digits(bytes[place])
                if plain.utf8.count == 64 { endPlain() }
                place += 1
            }
        }
        endPlain()
        return pieces
    }

    static func digits(_ byte: UInt8) -> String {
        let text = String(byte, radix: 16)
        return byte < 16 ? "0" + text : text
    }
}
