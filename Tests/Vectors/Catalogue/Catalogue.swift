import Replication

/// The whole collection, as `SAMBAND_WRITE_VECTORS=1 swift test --filter Vectors` writes it.
enum Catalogue {
    static func all() throws -> [Vector] {
        var vectors: [Vector] = []
        func good(_ kind: VectorKind, _ list: [(name: String, bytes: [UInt8])]) throws {
            for (name, bytes) in list {
                vectors.append(
                    Vector(kind: kind, name: name, bytes: bytes, verdict: .good(try Meaning.of(kind, bytes))))
            }
        }
        func bad(_ kind: VectorKind, _ list: [(name: String, bytes: [UInt8], why: String)]) {
            for (name, bytes, why) in list {
                vectors.append(Vector(kind: kind, name: "bad-\(name)", bytes: bytes, verdict: .bad(why)))
            }
        }
        try good(.segment, GoodSegments.all)
        bad(.segment, BadSegments.all)
        try good(.header, GoodHeaders.all)
        bad(.header, BadHeaders.all)
        try good(.frames, GoodFrames.all)
        bad(.frames, BadFrames.all)
        for key in KeyVector.all {
            vectors.append(
                Vector(
                    kind: .key, name: key.name, bytes: key.row(key.keys[0]).canonical,
                    verdict: .good(key.meaning)))
        }
        for message in NISTMessages.all {
            vectors.append(
                Vector(
                    kind: .sha256, name: message.name, bytes: message.bytes,
                    verdict: .good(.object(["sha256": .string(message.digest)]))))
        }
        return vectors
    }
}

/// The examples of NIST for SHA-256: messages and digests as published.
/// https://csrc.nist.gov/projects/cryptographic-standards-and-guidelines/example-values
enum NISTMessages {
    static let all: [(name: String, bytes: [UInt8], digest: String)] = [
        ("empty", [], "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", Array("abc".utf8), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "two-blocks", Array("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq".utf8),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        (
            "four-blocks",
            Array(
                ("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
                    + "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu").utf8),
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
        ),
        (
            "million-a", [UInt8](repeating: 0x61, count: 1_000_000),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
        ),
        ("one-byte-bd", [0xbd], "68325720aabd7c82f30f554b313d0570c95accbb7dc4b5aae11204c08ffe732b"),
        (
            "four-bytes", [0xc9, 0x8c, 0x8e, 0x55],
            "7abc22c0ae5af26ce93dbb94433a0e0b2e119d014f8e7f65bd56c61ccccd9504"
        ),
        (
            "55-zeros", [UInt8](repeating: 0, count: 55),
            "02779466cdec163811d078815c633f21901413081449002f24aa3e80f0b88ef7"
        ),
        (
            "56-zeros", [UInt8](repeating: 0, count: 56),
            "d4817aa5497628e7c77e6b606107042bbba3130888c5f47a375e6179be789fbb"
        ),
        (
            "64-zeros", [UInt8](repeating: 0, count: 64),
            "f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b"
        ),
    ]
}
