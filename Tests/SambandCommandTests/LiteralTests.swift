import HTTP
import JSONText
import Testing

@testable import SambandCommand

@Suite("Keys and values written as SQL literals")
struct LiteralTests {
    @Test(
        "a key is one literal or a row of them",
        arguments: [
            ("'S-12'", [.text("S-12")]), ("  'S-12'  ", [.text("S-12")]), ("''", [.text("")]),
            ("'it''s'", [.text("it's")]), ("''''", [.text("'")]),
            ("'æøå; DROP TABLE x--'", [.text("æøå; DROP TABLE x--")]),
            ("x'0aff'", [.blob([10, 255])]), ("X'0AFF'", [.blob([10, 255])]), ("x''", [.blob([])]),
            ("12", [.integer(12)]), ("+12", [.integer(12)]), ("-9223372036854775808", [.integer(.min)]),
            ("9223372036854775807", [.integer(.max)]), ("-1.5", [.real(-1.5)]), ("1.", [.real(1)]),
            (".5", [.real(0.5)]),
            ("1e3", [.real(1000)]), ("1.e3", [.real(1000)]), ("-2.5E-1", [.real(-0.25)]),
            ("9e999", [.real(.infinity)]),
            ("-9e999", [.real(-.infinity)]), ("(3,'a')", [.integer(3), .text("a")]),
            (" ( 3 , 'a)' , x'00' ) ", [.integer(3), .text("a)"), .blob([0])]), ("('a')", [.text("a")]),
        ] as [(String, [Literal])])
    func keys(_ text: String, _ key: [Literal]) throws {
        #expect(try Literal.key(text) == key)
    }

    @Test(
        "what is no literal is refused",
        arguments: [
            "", " ", "S-12", "'S-12", "S-12'", "'a' 'b'", "'a'b", "\"a\"", "x'0'", "x'0g'", "x'00", "x0a",
            "NULL", "null",
            "12ab", "1e", "1e+", "-", "+", ".", "--1", "1.2.3", "0x10", "9223372036854775808", "(", "()",
            "(1", "(1,)",
            "(,1)", "(1,2", "1,2", "(1)(2)", "(1,NULL)", "((1))", "1;", "true", "'a' -- b", "1+1",
            "x'\u{661}\u{661}'",
        ])
    func badKeys(_ text: String) {
        #expect(throws: LiteralError.self) { try Literal.key(text) }
    }

    @Test(
        "a value of --set is a literal where it reads like one, else the text as it stands",
        arguments: [
            ("accepted", .text("accepted")), ("2026-11-21", .text("2026-11-21")), ("12", .integer(12)),
            ("-1.5", .real(-1.5)), ("NULL", .null), ("null", .null), ("'NULL'", .text("NULL")),
            ("'12'", .text("12")),
            ("", .text("")), ("x'0a'", .blob([10])), ("xylophone", .text("xylophone")),
            ("it's", .text("it's")),
            ("1 bed", .text("1 bed")), ("9223372036854775808", .text("9223372036854775808")),
            ("(1)", .text("(1)")),
        ] as [(String, Literal)])
    func values(_ text: String, _ value: Literal) throws {
        #expect(try Literal.value(text) == value)
    }

    @Test("a value that begins quoted must be a whole literal", arguments: ["'a", "'a'b", "x'0", "x'zz'"])
    func badValues(_ text: String) {
        #expect(throws: LiteralError.self) { try Literal.value(text) }
    }

    @Test("each literal has the JSON form of the contract")
    func json() throws {
        let key = try Literal.key("('a', 1, 1.0, x'00ff', 9e999, -9e999)")
        #expect(
            try String(decoding: JSON.array(key.map(\.json)).bytes(), as: UTF8.self)
                == #"["a",1,1.0,{"blob":"AP8="},{"real":"Inf"},{"real":"-Inf"}]"#)
    }
}
