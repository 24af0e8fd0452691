import HTTP
import JSONText
import RecordViews
import Replication

/// A value written as in SQL: `'S-12'`, `x'0a'`, `12`, `-1.5`. Read here and sent as a value; it is never part of
/// any SQL.
enum Literal: Equatable, Sendable {
    case null
    case integer(Int64)
    case real(Double)
    case text(String)
    case blob([UInt8])

    var value: Value {
        switch self {
        case .null: .null
        case .integer(let value): .integer(value)
        case .real(let value): .real(value)
        case .text(let text): .text(text)
        case .blob(let bytes): .blob(bytes)
        }
    }

    /// The form that the interfaces carry.
    var json: JSON { value.json }

    /// A KEY: one literal, or a row of them in parentheses. NULL is refused, for no key holds one.
    static func key(_ text: String) throws(LiteralError) -> [Literal] {
        var reader = LiteralReader(text)
        return try reader.key()
    }

    /// The VALUE of `--set COL=VALUE`: a literal where the text begins or reads like one, else the text as it stands.
    /// So `accepted` and `2026-11-21` need no quotes within the shell's; `'12'` and `'NULL'` do.
    static func value(_ text: String) throws(LiteralError) -> Literal {
        var reader = LiteralReader(text)
        if reader.beginsQuoted { return try reader.only() }
        if text.utf8.elementsEqual("null".utf8, by: { $0 | 0x20 == $1 }) { return .null }
        // Not a number as a whole: then it is text, and no error.
        if let number = try? reader.only(), number.isNumber { return number }
        return .text(text)
    }

    private var isNumber: Bool {
        switch self {
        case .integer, .real: true
        case .null, .text, .blob: false
        }
    }
}

/// Why a text is no literal or no key.
struct LiteralError: Error, Equatable {
    let why: String
    let hint: String
}

/// SQLite's literals (lang_expr.html, "Literal Values"), without the names for them.
private struct LiteralReader {
    private let bytes: [UInt8]
    private var at = 0

    init(_ text: String) { bytes = Array(text.utf8) }

    private var next: UInt8? { at < bytes.count ? bytes[at] : nil }
    private func isNext(_ scalar: Unicode.Scalar) -> Bool { next == UInt8(ascii: scalar) }

    var beginsQuoted: Bool {
        isNext("'")
            || bytes.count > 1 && (bytes[0] | 0x20) == UInt8(ascii: "x") && bytes[1] == UInt8(ascii: "'")
    }

    mutating func key() throws(LiteralError) -> [Literal] {
        skipBlanks()
        guard isNext("(") else { return [try keyPart(last: true)] }
        at += 1
        var parts: [Literal] = []
        while true {
            skipBlanks()
            parts.append(try keyPart(last: false))
            skipBlanks()
            if isNext(",") {
                at += 1
                continue
            }
            guard isNext(")") else { throw bad("a row of values ends with )", "Write it so: \"(3,'a')\".") }
            at += 1
            try end()
            return parts
        }
    }

    private mutating func keyPart(last: Bool) throws(LiteralError) -> Literal {
        let literal = try literal()
        if literal == .null { throw bad("no key holds NULL", "Look the row up by a key that it has.") }
        if last { try end() }
        return literal
    }

    mutating func only() throws(LiteralError) -> Literal {
        let literal = try literal()
        try end()
        return literal
    }

    private mutating func end() throws(LiteralError) {
        skipBlanks()
        if at < bytes.count { throw bad("there is more behind the value", LiteralReader.forms) }
    }

    private mutating func skipBlanks() {
        while let byte = next, byte == 0x20 || (0x09...0x0d).contains(byte) { at += 1 }
    }

    private mutating func literal() throws(LiteralError) -> Literal {
        guard let byte = next else { throw bad("a value is missing", LiteralReader.forms) }
        switch byte {
        case UInt8(ascii: "'"): return .text(try text())
        case UInt8(ascii: "x"), UInt8(ascii: "X"):
            if at + 1 < bytes.count, bytes[at + 1] == UInt8(ascii: "'") { return .blob(try blob()) }
            return try word()
        case UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "0")...UInt8(ascii: "9"):
            return try number()
        default: return try word()
        }
    }

    /// A quote within the text is written twice.
    private mutating func text() throws(LiteralError) -> String {
        at += 1
        var text: [UInt8] = []
        while let byte = next {
            at += 1
            if byte != UInt8(ascii: "'") {
                text.append(byte)
            } else if isNext("'") {
                text.append(byte)
                at += 1
            } else {
                return String(decoding: text, as: UTF8.self)
            }
        }
        throw bad("a text has no closing quote", LiteralReader.forms)
    }

    private mutating func blob() throws(LiteralError) -> [UInt8] {
        at += 2
        var digits: [UInt8] = []
        while let byte = next, byte != UInt8(ascii: "'") {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else {
                throw bad("a blob holds only hexadecimal digits", "Write it so: x'0aff'.")
            }
            digits.append(UInt8(digit))
            at += 1
        }
        guard next != nil, digits.count % 2 == 0 else {
            throw bad("a blob has two digits for each byte and a closing quote", "Write it so: x'0aff'.")
        }
        at += 1
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    private mutating func number() throws(LiteralError) -> Literal {
        let start = at
        if isNext("+") || isNext("-") { at += 1 }
        var digits = 0
        var isReal = false
        func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }
        while let byte = next, isDigit(byte) {
            at += 1
            digits += 1
        }
        if isNext(".") {
            isReal = true
            at += 1
            while let byte = next, isDigit(byte) {
                at += 1
                digits += 1
            }
        }
        if digits > 0, isNext("e") || isNext("E") {
            isReal = true
            at += 1
            if isNext("+") || isNext("-") { at += 1 }
            let exponent = at
            while let byte = next, isDigit(byte) { at += 1 }
            if at == exponent { digits = 0 }
        }
        // What follows a number is a blank or ends the value; 12ab is no number.
        if digits == 0 || next.map({ !" \t\r\n,)".utf8.contains($0) }) == true {
            throw bad("this is no number", "A text goes in quotes, and those in the shell's: \"'12-b'\".")
        }
        var written = String(decoding: bytes[start..<at], as: UTF8.self)
        if isReal {
            if written.hasSuffix(".") { written += "0" }
            return .real(real(written.replacing(".e", with: ".0e").replacing(".E", with: ".0e")))
        }
        guard let value = Int64(written) else {
            throw bad("a whole number has at most 64 bits", "Write it with a point if it is a real number.")
        }
        return .integer(value)
    }

    /// Beyond what a double holds, a number is infinite, as in SQLite.
    private func real(_ text: String) -> Double {
        guard let value = Double(text) else { preconditionFailure("no number: \(text)") }
        return value
    }

    private mutating func word() throws(LiteralError) -> Literal {
        let start = at
        while let byte = next, !" \t\r\n,)(".utf8.contains(byte) { at += 1 }
        let word = bytes[start..<at]
        if word.elementsEqual("null".utf8, by: { $0 | 0x20 == $1 }) { return .null }
        throw bad(
            "a text is written in quotes",
            "The shell takes one pair away, so write both: \"'S-12'\". \(LiteralReader.forms)")
    }

    private func bad(_ why: String, _ hint: String) -> LiteralError { LiteralError(why: why, hint: hint) }

    private static let forms = "A value is 'text', x'0a' (a blob), 12 or -1.5; a row of them is (3,'a')."
}
