/// Splits SQL text into tokens, just far enough to find the parts of a CREATE INDEX and the first word of a
/// statement: quotes of all four kinds and both kinds of comments are respected, operators are single
/// characters. https://www.sqlite.org/lang.html, src/tokenize.c
package struct SQLTokens {
    /// What a token is.
    package enum Kind: Equatable {
        /// A keyword, a bare identifier or a number.
        case word
        /// An identifier in "…", `…` or […].
        case quoted
        /// A text in '…'.
        case text
        /// One character of anything else.
        case mark
    }

    package struct Token: Equatable {
        package let kind: Kind
        package let range: Range<Int>
    }

    package let bytes: [UInt8]
    package let tokens: [Token]

    package init(_ sql: String) { self.init(Array(sql.utf8)) }

    package init(_ bytes: [UInt8]) {
        self.bytes = bytes
        var found: [Token] = []
        var place = 0
        while let token = SQLTokens.next(in: bytes, from: place) {
            found.append(token)
            place = token.range.upperBound
        }
        tokens = found
    }

    /// The text from the first byte of one token to the last byte of another.
    package func text(_ range: Range<Int>) -> String {
        guard !range.isEmpty else { return "" }
        let from = tokens[range.lowerBound].range.lowerBound
        let to = tokens[range.upperBound - 1].range.upperBound
        return String(decoding: bytes[from..<to], as: UTF8.self)
    }

    /// True when the token is this bare word, in any case.
    package func isWord(_ index: Int, _ word: String) -> Bool {
        tokens.indices.contains(index) && tokens[index].kind == .word
            && text(index..<index + 1).uppercased() == word
    }

    /// True when the token is this single character.
    package func isMark(_ index: Int, _ character: Character) -> Bool {
        tokens.indices.contains(index) && tokens[index].kind == .mark
            && bytes[tokens[index].range.lowerBound] == character.asciiValue
    }

    /// The first token at or after `place`, comments and white space passed over.
    package static func next(in bytes: [UInt8], from place: Int) -> Token? {
        var start = place
        while start < bytes.count {
            if isSpace(bytes[start]) {
                start += 1
            } else if bytes[start...].starts(with: [0x2d, 0x2d]) {  // --
                start = bytes[start...].firstIndex(of: 0x0a) ?? bytes.count
            } else if bytes[start...].starts(with: [0x2f, 0x2a]) {  // /*
                start = endOfComment(bytes, start)
            } else {
                return token(bytes, start)
            }
        }
        return nil
    }

    private static func token(_ bytes: [UInt8], _ start: Int) -> Token {
        switch bytes[start] {
        case 0x22, 0x60: Token(kind: .quoted, range: start..<endOfQuote(bytes, start, bytes[start]))
        case 0x27: Token(kind: .text, range: start..<endOfQuote(bytes, start, 0x27))
        case 0x5b:
            Token(
                kind: .quoted, range: start..<(1 + (bytes[start...].firstIndex(of: 0x5d) ?? bytes.count - 1)))
        case let byte where isWordByte(byte):
            Token(kind: .word, range: start..<(bytes[start...].firstIndex { !isWordByte($0) } ?? bytes.count))
        default: Token(kind: .mark, range: start..<start + 1)
        }
    }

    /// The place after the closing quote; a doubled quote is part of the text.
    private static func endOfQuote(_ bytes: [UInt8], _ start: Int, _ quote: UInt8) -> Int {
        var place = start + 1
        while place < bytes.count {
            if bytes[place] == quote {
                if place + 1 < bytes.count, bytes[place + 1] == quote {
                    place += 1
                } else {
                    return place + 1
                }
            }
            place += 1
        }
        return bytes.count
    }

    private static func endOfComment(_ bytes: [UInt8], _ start: Int) -> Int {
        var place = start + 2
        while place + 1 < bytes.count {
            if bytes[place] == 0x2a, bytes[place + 1] == 0x2f { return place + 2 }
            place += 1
        }
        return bytes.count
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || (0x09...0x0d).contains(byte)
    }

    /// Letters, digits, `_`, `$` and everything beyond ASCII; a dot inside a number does not matter here.
    private static func isWordByte(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
            || byte == 0x5f || byte == 0x24 || byte >= 0x80
    }
}
