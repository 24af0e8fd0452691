import JSONText
import Testing

@Suite("JSON")
struct JSONTests {
    static func text(_ value: JSON) throws -> String {
        String(decoding: try value.bytes(), as: UTF8.self)
    }

    @Test(
        "what is written in compact form is read and written again as it was",
        arguments: [
            "null", "true", "false", "0", "-1", "9223372036854775807", "-9223372036854775808", "1.0", "-0.0",
            "0.1",
            "5e-324", "1.7976931348623157e+308", #""""#, #""r-1""#, #""\"\\\n\r\t""#,
            #""\u0000\u001b\u007f\u0085""#,
            #""\u202e\u2066\u200f\ufeff\u2028""#, #""æøå Snåase 👩‍⚕️""#, "[]", "[1,[2,[]]]", "{}",
            #"{"b":1,"a":{"c":null}}"#,
        ])
    func roundTrip(_ text: String) throws {
        #expect(try JSONTests.text(JSON(parsing: Array(text.utf8))) == text)
    }

    @Test("an integer and a real number of the same size stay what they are")
    func numberKinds() throws {
        #expect(try JSON(parsing: Array("1".utf8)) == .integer(1))
        #expect(try JSON(parsing: Array("1.0".utf8)) == .real(1))
        #expect(try JSON(parsing: Array("1e0".utf8)) == .real(1))
        #expect(try JSONTests.text(.real(1)) == "1.0")
        #expect(try JSONTests.text(.real(1e16)) == "1e+16")
    }

    @Test("every escape and blanks in the right places are read")
    func escapes() throws {
        let text = " { \"a\" :\t[ 1 ,\r\n2 ] , \"b\" : \"\\b\\f\\/\\u00e6\\ud83d\\ude00\" } "
        #expect(
            try JSON(parsing: Array(text.utf8)) == ["a": [1, 2], "b": .string("\u{8}\u{c}/æ😀")])
    }

    @Test(
        "what breaks the grammar is refused",
        arguments: [
            "", " ", "nul", "nulll", "True", "01", "-", "+1", "1.", ".5", "1e", "1e+", "0x1", "NaN",
            "Infinity", "[1,]",
            "[,1]", "[1 2]", "[1", "{\"a\":1,}", "{\"a\"}", "{a:1}", "{'a':1}", "{\"a\":1", "\"", "\"\\x\"",
            "\"\\u12\"", "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"a\nb\"", "1 1", "[] []",
            "/* no */ 1", "\u{feff}1", "{\"a\":1,\"a\":2}",
        ])
    func malformed(_ text: String) {
        #expect(throws: JSONError.self) { try JSON(parsing: Array(text.utf8)) }
    }

    @Test("bytes that are not UTF-8 are refused")
    func notUTF8() {
        for bytes: [UInt8] in [
            [0xff], [0x22, 0xc3, 0x22], [0x22, 0xed, 0xa0, 0x80, 0x22], [0x22, 0xc0, 0x80, 0x22],
        ] {
            #expect(throws: JSONError.self) { try JSON(parsing: bytes) }
        }
    }

    @Test("a number beyond its range is refused, not rounded")
    func outOfRange() {
        #expect(throws: JSONError.outOfRange(at: 1)) {
            try JSON(parsing: Array("[9223372036854775808]".utf8))
        }
        #expect(throws: JSONError.outOfRange(at: 0)) { try JSON(parsing: Array("1e400".utf8)) }
    }

    @Test("size and depth have a limit, and the limit itself is allowed")
    func bounds() throws {
        let bounds = JSON.Bounds(bytes: 6, depth: 3)
        #expect(try JSON(parsing: Array("[[[]]]".utf8), within: bounds) == [[[]]])
        #expect(throws: JSONError.tooLarge(limit: 6)) {
            try JSON(parsing: Array("[[[]]] ".utf8), within: bounds)
        }
        #expect(throws: JSONError.tooDeep(limit: 2, at: 2)) {
            try JSON(parsing: Array("[[[]]]".utf8), within: JSON.Bounds(bytes: 6, depth: 2))
        }
        let deep = [UInt8](repeating: UInt8(ascii: "["), count: 1_000_000)
        #expect(throws: JSONError.tooDeep(limit: 32, at: 32)) { try JSON(parsing: deep) }
    }

    @Test("NaN and the infinities are not written")
    func notFinite() {
        for value in [Double.nan, .infinity, -.infinity] {
            #expect(throws: JSONError.notFinite) { try JSON.array([.real(value)]).bytes() }
        }
    }

    @Test("members keep their order when one is set, and leave when it is nil")
    func members() throws {
        var object = JSON.Object([("b", 1), ("a", 2)])
        object["b"] = 3
        object["c"] = nil
        object["d"] = 4
        #expect(try JSONTests.text(.object(object)) == #"{"b":3,"a":2,"d":4}"#)
        object["a"] = nil
        #expect(try JSONTests.text(.object(object)) == #"{"b":3,"d":4}"#)
    }

    @Test("names that differ only in how an accent is encoded are two names")
    func exactNames() throws {
        let value = try JSON(parsing: Array("{\"\u{e9}\":1,\"e\u{301}\":2}".utf8))
        #expect(value["\u{e9}"] == 1)
        #expect(value["e\u{301}"] == 2)
    }

    @Test("the indented layout puts every member on a line of its own")
    func indented() throws {
        let value: JSON = ["a": [1, []], "b": [:]]
        #expect(
            String(decoding: try value.bytes(.indented), as: UTF8.self)
                == "{\n  \"a\": [\n    1,\n    []\n  ],\n  \"b\": {}\n}")
    }
}

@Suite("Base64")
struct Base64Tests {
    @Test(
        "the examples of RFC 4648 go both ways",
        arguments: [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ])
    func examples(_ plain: String, _ encoded: String) {
        #expect(Base64.encode(Array(plain.utf8)) == encoded)
        #expect(Base64.decode(encoded) == Array(plain.utf8))
    }

    @Test("every byte comes back")
    func everyByte() {
        let bytes = [UInt8](0...255)
        #expect(Base64.decode(Base64.encode(bytes)) == bytes)
    }

    @Test(
        "loose encodings are refused",
        arguments: [
            "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Z", "====", "Zg==Zg==", "Zm 9v", "Zm9v\n", "Zm-_", "A===",
        ])
    func loose(_ text: String) {
        #expect(Base64.decode(text) == nil)
    }
}
