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
            if before != text {
                print("seed \(seed), \(part.rawValue): - as it was, + as it is; the rest is in \(folder)")
                print(Self.differences(before, text).joined(separator: "\n"))
                try text.write(toFile: path + ".new", atomically: true, encoding: .utf8)
            }
        }
    }

    /// The first lines that are not the same, each list of them under the heading that it stands below.
    private static func differences(_ before: String, _ after: String) -> [String] {
        let (old, new) = (before.split(separator: "\n"), after.split(separator: "\n"))
        let changes = new.difference(from: old).map { change in
            switch change {
            case .remove(let offset, let line, _):
                (heading: heading(of: offset, old), offset: offset, text: "  - \(line)")
            case .insert(let offset, let line, _):
                (heading: heading(of: offset, new), offset: offset, text: "  + \(line)")
            }
        }
        var lines: [String] = []
        var last = ""
        for change in changes.sorted(by: { ($0.offset, $1.text) < ($1.offset, $0.text) }).prefix(shownLines) {
            if change.heading != last { lines.append(change.heading) }
            last = change.heading
            lines.append(String(change.text.prefix(shownLetters)))
        }
        return lines
    }

    private static let shownLines = 40
    private static let shownLetters = 240

    private static func heading(of line: Int, _ lines: [Substring]) -> String {
        String(lines[...line].last { $0.hasPrefix("-- ") } ?? "")
    }
}
