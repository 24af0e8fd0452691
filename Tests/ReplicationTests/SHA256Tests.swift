import Foundation
import Replication
import SimulationKit
import Testing

private func hex(_ bytes: [UInt8]) -> String { bytes.map { String(format: "%02x", $0) }.joined() }

/// By the processor, where it can, and by our own rounds.
private let ways = SHA256.isInProcessor ? [true, false] : [false]

private func hash(_ bytes: [UInt8], usingProcessor: Bool) -> [UInt8] {
    var hash = SHA256(usingProcessor: usingProcessor)
    hash.update(bytes)
    return hash.finish()
}

@Suite("SHA-256")
struct SHA256Tests {
    // FIPS 180-4 examples and the NIST CAVP short messages.
    @Test(
        "the vectors of NIST",
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
            (
                "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrs"
                    + "mnopqrstnopqrstu",
                "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
            ),
        ])
    func vectors(message: String, digest: String) {
        for way in ways { #expect(hex(hash(Array(message.utf8), usingProcessor: way)) == digest) }
    }

    @Test("a million times a", arguments: ways)
    func million(usingProcessor: Bool) {
        var hash = SHA256(usingProcessor: usingProcessor)
        for _ in 0..<1000 { hash.update([UInt8](repeating: 0x61, count: 1000)) }
        #expect(hex(hash.finish()) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    }

    @Test("pieces of any size give the digest of the whole")
    func pieces() {
        var random = SeededRandom(seed: 7)
        for _ in 0..<200 {
            let whole = (0..<random.int(0...400)).map { _ in UInt8.random(in: 0...255, using: &random) }
            var hash = SHA256(usingProcessor: random.chance(50) && SHA256.isInProcessor)
            var start = 0
            while start < whole.count {
                let end = min(whole.count, start + random.int(0...130))
                hash.update(Array(whole[start..<end]))
                start = end
            }
            #expect(hash.finish() == SHA256.digest(whole))
        }
    }

    @Test("Python's hashlib says the same at every length around a block and at random ones")
    func python() throws {
        var random = SeededRandom(seed: 11)
        let lengths = Array(0...200) + (0..<100).map { _ in random.int(0...20_000) }
        let messages = lengths.map { length in
            (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
        }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "python3", "-c",
            "import sys, hashlib\nfor line in sys.stdin: print(hashlib.sha256(bytes.fromhex(line)).hexdigest())",
        ]
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "samband-\(UUID().uuidString)")
        try Data(messages.map { hex($0) + "\n" }.joined().utf8).write(to: folder)
        defer { try? FileManager.default.removeItem(at: folder) }
        let output = Pipe()
        process.standardInput = try FileHandle(forReadingFrom: folder)
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        let lines = text.split(separator: "\n").map(String.init)
        for way in ways { #expect(lines == messages.map { hex(hash($0, usingProcessor: way)) }) }
    }
}
