import HTTP
import JSONText
import Testing

@testable import SambandCommand

@Suite("What a terminal gets to see")
struct DisplayTests {
    @Test(
        "nothing in a value reaches a terminal as a command",
        arguments: [
            ("\u{1b}[2J", #"\u{1b}[2J"#), ("a\r\nb", #"a\u{d}\u{a}b"#), ("tab\there", #"tab\u{9}here"#),
            ("nul\u{0}", #"nul\u{0}"#), ("\u{7f}\u{9b}31m", #"\u{7f}\u{9b}31m"#),
            ("abc\u{202e}fdp.exe", #"abc\u{202e}fdp.exe"#),
            ("\u{2066}\u{2069}\u{200f}", #"\u{2066}\u{2069}\u{200f}"#),
            ("\u{feff}\u{2028}\u{2029}", #"\u{feff}\u{2028}\u{2029}"#), ("\u{e0041}", #"\u{e0041}"#),
            ("Snåsa, Tråante", "Snåsa, Tråante"), ("👩‍⚕️", "👩‍⚕️"), ("می‌خواهم", "می‌خواهم"),
        ])
    func visible(_ text: String, _ shown: String) {
        #expect(Visible.text(text) == shown)
    }

    @Test(
        "width counts the columns of a terminal",
        arguments: [
            ("abc", 3), ("æøå", 3), ("e\u{301}", 1), ("漢字", 4), ("ｱ", 1), ("Ａ", 2), ("😀", 2), ("👩‍⚕️", 2),
            ("한", 2),
            ("", 0),
        ])
    func width(_ text: String, _ columns: Int) {
        #expect(Visible.width(text) == columns)
    }

    @Test("a cut text fits and shows that it was cut")
    func cut() {
        #expect(Visible.cut("abcdef", 6) == "abcdef")
        #expect(Visible.cut("abcdefg", 6) == "abcde…")
        #expect(Visible.cut("漢字漢字", 6) == "漢字…")
    }

    @Test("columns of a table stand under each other whatever the cells hold")
    func table() {
        var table = TextTable([
            TextTable.Column("NAME"), TextTable.Column("N", .right), TextTable.Column("TEXT"),
        ])
        table.add(["漢字", "1", "a"])
        table.add(["Snåsa", "1000", "x\u{1b}\ny"])
        table.add(["", "", ""])
        #expect(
            table.text(.plain) == """
                NAME       N   TEXT
                漢字       1   a
                Snåsa   1000   x\\u{1b}\\u{a}y


                """)
    }

    @Test(
        "values are shown as SQL would write them",
        arguments: [
            (.null, "NULL"), (12, "12"), (1.0, "1.0"), ("it's", "'it''s'"), ("", "''"),
            (["blob": "AP8="], "x'00ff'"),
            (["blob": ""], "x''"), (["text_base64": "/w=="], "CAST(x'ff' AS TEXT)"),
            (["real": "Inf"], "9e999"),
            (["real": "-Inf"], "-9e999"),
        ] as [(JSON, String)])
    func values(_ value: JSON, _ shown: String) {
        #expect(ShownValue.text(value) == shown)
    }

    @Test("of a large blob the beginning and the size are shown")
    func largeBlob() {
        let json: JSON = ["blob": .string(Base64.encode([UInt8](repeating: 7, count: 1000)))]
        #expect(ShownValue.text(json) == "x'\(String(repeating: "07", count: 32))…' (1000 bytes)")
    }

    @Test("what is shown of a text, a number or a blob can be typed back as a key")
    func backAgain() throws {
        for text in ["S-12", "it's", "", "æøå"] {
            #expect(try Literal.key(ShownValue.text(.string(text))) == [.text(text)])
        }
        #expect(try Literal.key(ShownValue.text(["blob": "AP8="])) == [.blob([0, 255])])
        #expect(try Literal.key(ShownValue.text(["real": "-Inf"])) == [.real(-.infinity)])
    }

    @Test(
        "RFC 3339 times are read",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2026-11-21T19:46:00Z", 1_795_290_360),
            ("2000-02-29T12:00:00z", 951_825_600),
            ("2026-11-21T20:46:00.250+01:00", 1_795_290_360), ("1969-12-31T23:59:59Z", -1),
            ("2016-12-31T23:59:60Z", 1_483_228_799),
        ] as [(String, Int64)])
    func times(_ text: String, _ seconds: Int64) {
        #expect(ShownTime.seconds(text) == seconds)
    }

    @Test(
        "what is no time is not read as one",
        arguments: [
            "", "yesterday", "2026-11-21", "2026-11-21T19:46:00", "2026-13-01T00:00:00Z",
            "2026-1-01T00:00:00Z",
            "2026-11-21T24:00:00Z", "2026-11-21T19:46:00.Z", "2026-11-21 19:46:00Z", "+026-11-21T19:46:00Z",
        ])
    func noTimes(_ text: String) {
        #expect(ShownTime.seconds(text) == nil)
    }

    @Test("the same moment is on the wall what the machine's zone makes of it")
    func wall() {
        let wall = ShownTime.local(1_795_290_360)
        #expect(wall.year == 2026 && wall.month == 11 && !wall.zone.isEmpty)
        #expect(FakeWorld.wall(1_795_290_360).text == "2026-11-21 20:46:00 CET")
    }
}
