import Foundation
import Replication
import Testing

/// Promises 5 and 7 begin with bytes that mean one thing: Protocol/Promises.md.
@Suite("Golden vectors")
struct VectorTests {
    private static let vectors: [Vector] = {
        do {
            if ProcessInfo.processInfo.environment["SAMBAND_WRITE_VECTORS"] == "1" {
                precondition(!isCI, "CI checks the vectors, it does not write them")
                try VectorFolder.write(try Catalogue.all())
            }
            return try VectorFolder.read()
        } catch {
            Issue.record("the vectors cannot be read: \(error)")
            return []
        }
    }()

    private static func some(_ kinds: VectorKind..., good: Bool) -> [Vector] {
        vectors.filter { vector in
            guard kinds.contains(vector.kind) else { return false }
            if case .good = vector.verdict { return good }
            return !good
        }
    }

    @Test("every vector of the catalogue lies in its file, and no other")
    func filesAreTheCatalogue() throws {
        let written = try Catalogue.all()
        #expect(Set(written.map(\.testDescription)) == Set(Self.vectors.map(\.testDescription)))
        #expect(written.count == Self.vectors.count && written.count > 100)
    }

    @Test("a good one has its meaning and is written again byte by byte")
    func goodOnes() throws {
        for vector in Self.some(.segment, .header, .frames, .sha256, good: true) {
            let meaning = try Meaning.of(vector.kind, vector.bytes)
            #expect(.good(meaning) == vector.verdict, "\(vector.testDescription)")
            #expect(try Meaning.again(vector.kind, vector.bytes) == vector.bytes, "\(vector.testDescription)")
        }
    }

    @Test("a bad one is refused for its reason")
    func badOnes() {
        for vector in Self.some(.segment, .header, .frames, good: false) {
            #expect(.bad(reason(vector)) == vector.verdict, "\(vector.testDescription)")
        }
    }

    private func reason(_ vector: Vector) -> String {
        do {
            _ = try Meaning.of(vector.kind, vector.bytes)
            return "nothing: it was read"
        } catch let error as CodecError {
            return error.why
        } catch {
            return BadFrames.unfinished
        }
    }

    @Test("equal keys have one canonical form and one hash")
    func keys() throws {
        let files = Self.some(.key, good: true)
        for key in KeyVector.all {
            let file = try #require(files.first { $0.name == key.name })
            #expect(file.verdict == .good(key.meaning), "\(key.name)")
            for values in key.keys { #expect(key.row(values).canonical == file.bytes, "\(key.name)") }
        }
        #expect(
            Set(KeyVector.all.map { $0.row($0.keys[0]) }).count == KeyVector.all.count, "and others another")
    }

    @Test("the examples of Protocol/Bytes.md are vectors")
    func examplesOfTheText() throws {
        let page = try String(
            contentsOf: VectorFolder.repository.appending(path: "Protocol/Bytes.md"), encoding: .utf8)
        let parts = page.components(separatedBy: "```hex frames/").dropFirst()
        #expect(parts.count == 2)
        for part in parts {
            let lines = part.split(separator: "\n", maxSplits: 1)
            let bytes = try HexText.read(lines[1].components(separatedBy: "```")[0])
            let vector = try #require(Self.vectors.first { $0.testDescription == "frames/\(lines[0])" })
            #expect(bytes == vector.bytes, "\(vector.testDescription)")
        }
    }

    @Test("no part of a good one, from its start, is good")
    func everyBeginning() {
        for vector in Self.some(.segment, .header, good: true) where vector.bytes.count < 1000 {
            // A segment may end after any of its blocks, so those of several are left out.
            if case .good(.object(let meaning)) = vector.verdict,
                case .array(let blocks)? = meaning["blocks"],
                blocks.count > 1
            {
                continue
            }
            for count in 0..<vector.bytes.count {
                #expect(throws: CodecError.self, "\(vector.testDescription), \(count) bytes") {
                    _ = try Meaning.of(vector.kind, Array(vector.bytes.prefix(count)))
                }
            }
        }
    }

    @Test("a segment is closed before it has more columns than a reader takes")
    func columnsOfASegment() throws {
        var builder = SegmentBuilder()
        for number in 0..<3 * Limits.sectionsPerSegment / 4 {
            builder.add(
                BlockKind(table: number, operation: .delete, columns: []), key: [.integer(1), .integer(2)],
                values: [])
        }
        builder.close()
        let segments = builder.takeFinished()
        #expect(segments.count == 2)
        var rows = 0
        for bytes in segments { rows += try Segment(bytes).rowCount }
        #expect(rows == 3 * Limits.sectionsPerSegment / 4)

        var out = ByteWriter()
        out.byte(SegmentBuilder.format)
        for number in 0...Limits.sectionsPerSegment {
            GoodSegments.block(.delete, table: number, columns: [], key: [.integer(1)], []).append(to: &out)
        }
        let tooMany = out.bytes
        #expect(throws: CodecError.self) { try Segment(tooMany) }
    }

    @Test("what is not a number is written as NULL, as SQLite would store it")
    func notANumber() {
        var out = ByteWriter()
        out.cell(.real(.nan))
        #expect(out.bytes == [0])
    }
}

/// True where a missing tool is a failure and not a reason to skip.
let isCI = !(ProcessInfo.processInfo.environment["CI"] ?? "").isEmpty
