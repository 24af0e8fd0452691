import HTTP
import JSONText

/// Text that shows what is in it: nothing in a value moves a cursor, colours a line or turns the order of letters
/// around, on a terminal or in a file that somebody opens later.
enum Visible {
    /// Control, bidi and invisible characters as `\u{1b}`. Line breaks too: what comes from a value stays in its line.
    static func text(_ text: String) -> String {
        if !text.unicodeScalars.contains(where: \.isDeceptive) { return text }
        var shown = ""
        for scalar in text.unicodeScalars {
            if scalar.isDeceptive {
                shown += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                shown.unicodeScalars.append(scalar)
            }
        }
        return shown
    }

    /// The columns that a terminal gives to a text without control characters: two for East Asian wide letters and
    /// emoji, none for combining marks.
    static func width(_ text: String) -> Int {
        text.reduce(0) { $0 + width($1) }
    }

    /// At most `columns` wide, with … for what is left out.
    static func cut(_ text: String, _ columns: Int) -> String {
        if width(text) <= columns { return text }
        var kept = ""
        var used = 0
        for character in text {
            used += width(character)
            if used > columns - 1 { break }
            kept.append(character)
        }
        return kept + "…"
    }

    private static func width(_ character: Character) -> Int {
        guard let first = character.unicodeScalars.first else { return 0 }
        if first.value < 0x300 { return 1 }
        // An emoji variation selector, or an emoji that is one by itself.
        if character.unicodeScalars.contains(where: { $0.value == 0xfe0f }) { return 2 }
        if first.properties.isEmojiPresentation || isWide(first.value) { return 2 }
        switch first.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: return 0
        default: return 1
        }
    }

    /// East_Asian_Width W and F, by block (Unicode Standard Annex 11).
    private static func isWide(_ value: UInt32) -> Bool {
        switch value {
        case 0x1100...0x115f, 0x2e80...0x303e, 0x3041...0x33ff, 0x3400...0x4dbf, 0x4e00...0x9fff,
            0xa000...0xa4cf,
            0xa960...0xa97f, 0xac00...0xd7a3, 0xf900...0xfaff, 0xfe30...0xfe6f, 0xff00...0xff60,
            0xffe0...0xffe6,
            0x1f300...0x1f64f, 0x1f900...0x1f9ff, 0x20000...0x3fffd:
            true
        default: false
        }
    }
}
