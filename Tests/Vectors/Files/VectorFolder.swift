import Foundation
import Testing

/// What the bytes of a vector claim to be: also the name of its folder.
enum VectorKind: String, CaseIterable, Sendable {
    case segment, header, frames, key, sha256
}

/// One vector as it lies in `Protocol/Vectors`: `KIND/NAME.hex` with the bytes, and beside it `NAME.json` with
/// what they mean or `NAME.bad` with the reason why they are refused.
struct Vector: Sendable, CustomTestStringConvertible {
    enum Verdict: Hashable, Sendable {
        case good(JSON)
        case bad(String)
    }

    let kind: VectorKind
    let name: String
    let bytes: [UInt8]
    let verdict: Verdict

    var testDescription: String { "\(kind.rawValue)/\(name)" }
}

enum VectorFolder {
    static let repository = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    static let url = repository.appending(path: "Protocol/Vectors")

    struct Broken: Error { let what: String }

    /// All vectors that lie there, by name.
    static func read() throws -> [Vector] {
        var vectors: [Vector] = []
        for kind in VectorKind.allCases {
            let folder = url.appending(path: kind.rawValue)
            let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
            for file in files where file.hasSuffix(".hex") {
                let name = String(file.dropLast(4))
                let good = folder.appending(path: "\(name).json")
                let bad = folder.appending(path: "\(name).bad")
                let verdict: Vector.Verdict
                switch (exists(good), exists(bad)) {
                case (true, false): verdict = .good(try JSON.read(try text(good)))
                case (false, true):
                    verdict = .bad(try text(bad).trimmingCharacters(in: .whitespacesAndNewlines))
                default: throw Broken(what: "\(kind.rawValue)/\(name) needs a meaning or a reason, not both")
                }
                let bytes = try HexText.read(try text(folder.appending(path: file)))
                vectors.append(Vector(kind: kind, name: name, bytes: bytes, verdict: verdict))
            }
        }
        return vectors
    }

    /// Writes the whole collection anew.
    static func write(_ vectors: [Vector]) throws {
        for kind in VectorKind.allCases {
            let folder = url.appending(path: kind.rawValue)
            if exists(folder) { try FileManager.default.removeItem(at: folder) }
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        }
        for vector in vectors {
            let base = url.appending(path: vector.kind.rawValue).appending(path: vector.name).path
            let hex = HexText.pieces(vector.bytes).map { $0 + "\n" }.joined()
            try hex.write(toFile: base + ".hex", atomically: true, encoding: .utf8)
            switch vector.verdict {
            case .good(let meaning):
                try (meaning.text() + "\n").write(toFile: base + ".json", atomically: true, encoding: .utf8)
            case .bad(let reason):
                try (reason + "\n").write(toFile: base + ".bad", atomically: true, encoding: .utf8)
            }
        }
    }

    private static func exists(_ url: URL) -> Bool { FileManager.default.fileExists(atPath: url.path) }
    private static func text(_ url: URL) throws -> String { try String(contentsOf: url, encoding: .utf8) }
}
