import Foundation

/// The digests of every seed, as they are committed.
struct GoldenFile {
    private static let path = folder + "/Snapshots/histories.txt"
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path

    /// True when the digests are to be written anew instead of being compared.
    static let isRewriting = ProcessInfo.processInfo.environment["SAMBAND_REWRITE_GOLDEN"] == "1"

    private let lines: [UInt64: [Substring]]
    private var found: [UInt64: [String]] = [:]

    init() throws {
        let text = (try? String(contentsOfFile: Self.path, encoding: .utf8)) ?? ""  // the first writes it
        var lines: [UInt64: [Substring]] = [:]
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            if let seed = UInt64(words[0]) { lines[seed] = Array(words.dropFirst()) }
        }
        self.lines = lines
    }

    /// The parts whose digests are not the committed ones.
    mutating func compare(_ picture: Picture, seed: UInt64) -> [Picture.Part] {
        let digests = Picture.Part.allCases.map { picture.digest($0) }
        found[seed] = digests
        let known = lines[seed] ?? []
        return Picture.Part.allCases.enumerated().filter { number, _ in
            number >= known.count || known[number] != digests[number]
        }.map(\.element)
    }

    func write() throws {
        var text = "seed " + Picture.Part.allCases.map(\.rawValue).joined(separator: " ") + "\n"
        for (seed, digests) in found.sorted(by: { $0.key < $1.key }) {
            text += "\(seed) " + digests.joined(separator: " ") + "\n"
        }
        try FileManager.default.createDirectory(
            atPath: Self.folder + "/Snapshots", withIntermediateDirectories: true)
        try text.write(toFile: Self.path, atomically: true, encoding: .utf8)
    }
}

/// The whole texts of seeds in a folder of the reader's choice: the first run leaves them there, and the next prints what
/// differs from them.
struct SavedTexts {
    private let folder: String

    /// Nil when nobody asks for them.
    init?() {
        guard let folder = ProcessInfo.processInfo.environment["SAMBAND_GOLDEN_TEXTS"] else { return nil }
        self.folder = folder
    }

    func compare(_ picture: Picture, seed: UInt64) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for part in Picture.Part.allCases {
            let path = "\(folder)/\(seed).\(part.rawValue)"
            let text = picture.texts[part]!
            guard let before = try? String(contentsOfFile: path, encoding: .utf8) else {  // the first run
                try text.write(toFile: path, atomically: true, encoding: .utf8)
                continue
            }
            if before == text { continue }
            let old = before.split(separator: "\n")
            let new = text.split(separator: "\n")
            print("seed \(seed), \(part.rawValue): behind - as it was, behind + as it is")
            for change in new.difference(from: old) {
                switch change {
                case .remove(let offset, let line, _): print("  - \(offset + 1): \(line)")
                case .insert(let offset, let line, _): print("  + \(offset + 1): \(line)")
                }
            }
        }
    }
}
