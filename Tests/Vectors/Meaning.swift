import Replication

/// What bytes mean, told through Samband's own codec as JSON, and the bytes again from what was understood.
enum Meaning {
    /// A stream that ends where no stream may end.
    struct Unfinished: Error {}

    static func of(_ kind: VectorKind, _ bytes: [UInt8]) throws -> JSON {
        switch kind {
        case .segment: segment(try Segment(bytes))
        case .header: header(try ChangeSetHeader(bytes))
        case .frames: .object(["frames": .array(try frames(bytes).map(frame))])
        case .sha256: .object(["sha256": .string(hex(SHA256.digest(bytes)))])
        case .key: preconditionFailure("a canonical key is only written, never read")
        }
    }

    static func again(_ kind: VectorKind, _ bytes: [UInt8]) throws -> [UInt8] {
        switch kind {
        case .segment: rewritten(try Segment(bytes))
        case .header: try ChangeSetHeader(bytes).encoded()
        case .frames: try frames(bytes).flatMap { $0.encoded() }
        case .sha256, .key: bytes
        }
    }

    /// The frames of a stream that comes byte by byte.
    static func frames(_ bytes: [UInt8]) throws -> [Frame] {
        var reader = FrameReader()
        var frames: [Frame] = []
        for byte in bytes {
            reader.append([byte])
            while let frame = try reader.next() { frames.append(frame) }
        }
        guard reader.isAtBorder else { throw Unfinished() }
        return frames
    }

    // MARK: Segment

    private static func segment(_ segment: Segment) -> JSON {
        .object(["blocks": .array(segment.blocks.map { block(segment, $0) })])
    }

    private static func block(_ segment: Segment, _ block: Block) -> JSON {
        let span = segment.bytes.span
        var cursor = RowCursor(block)
        var rows: [JSON] = []
        while cursor.next(span) {
            var row: [String: JSON] = ["key": .array(cursor.key.map { value($0.value(in: span)) })]
            if !block.kind.operation.isKeyOnly {
                row["cells"] = .array(cursor.cells.map { value($0.value(in: span)) })
            }
            if block.kind.operation.hasStamps { row["stamps"] = .array(cursor.cellStamps.map(stamp)) }
            if !block.kind.deltas.isEmpty { row["deltas"] = .array(cursor.rowDeltas.map { .string("\($0)") }) }
            rows.append(.object(row))
        }
        var meaning: [String: JSON] = [
            "operation": .string("\(block.kind.operation)"), "table": .number(block.kind.table),
            "scope": .string(hex(block.kind.scope)),
            "columns": .array(block.kind.columns.map { .number($0) }),
            "rows": .array(rows),
        ]
        if !block.kind.deltas.isEmpty { meaning["deltas"] = .array(block.kind.deltas.map { .number($0) }) }
        return .object(meaning)
    }

    private static func rewritten(_ segment: Segment) -> [UInt8] {
        let span = segment.bytes.span
        var out = ByteWriter()
        out.byte(SegmentBuilder.format)
        for block in segment.blocks {
            var builder = BlockBuilder(kind: block.kind, keyColumnCount: block.keySections.count)
            var cursor = RowCursor(block)
            while cursor.next(span) {
                builder.add(
                    key: cursor.key.map { $0.value(in: span) },
                    values: cursor.cells.map { $0.value(in: span) },
                    stamps: cursor.cellStamps, deltas: cursor.rowDeltas)
            }
            builder.append(to: &out)
        }
        return out.bytes
    }

    // MARK: Header and frame

    private static func header(_ header: ChangeSetHeader) -> JSON {
        .object([
            "kind": .string("\(header.kind)"), "dot": .string("\(header.dot)"), "hlc": number(header.hlc),
            "position": number(header.position), "context": clock(header.contextDelta),
            "schema_version": number(UInt64(header.schemaVersion)), "rows": number(header.rowCount),
            "conflict": number(header.conflict), "previous": .string(hex(header.previous)),
            "segments": .array(header.segmentDigests.map { .string(hex($0)) }),
            "digest": .string(hex(header.digest)),
        ])
    }

    private static func frame(_ frame: Frame) -> JSON {
        switch frame {
        case .header(let head, let delivery):
            var flags: [JSON] = []
            if delivery.endsTransaction { flags.append(.string("ends transaction")) }
            if delivery.isEcho { flags.append(.string("echo")) }
            if delivery.isEffective { flags.append(.string("effective")) }
            if delivery.isAbsorbed { flags.append(.string("absorbed")) }
            return .object([
                "frame": .string("header"), "header": header(head), "position": number(delivery.position),
                "flags": .array(flags), "first_segment": number(delivery.firstSegment),
                "effective_segments": .array(delivery.effectiveDigests.map { .string(hex($0)) }),
            ])
        case .segment(let bytes):
            return .object(["frame": .string("segment"), "bytes": .string(hex(bytes))])
        case .end(let end):
            return .object([
                "frame": .string("end"), "vector": clock(end.vector), "position": number(end.position),
                "frontier": clock(end.frontier), "hub_time_ms": number(end.hubTimeMs),
            ])
        }
    }

    // MARK: Small things

    static func value(_ value: Value) -> JSON {
        switch value {
        case .null: return .null
        case .integer(let x): return .object(["integer": .string("\(x)")])
        case .real(let x):
            let bits = String(x.bitPattern, radix: 16)
            return .object(["real_bits": .string(String(repeating: "0", count: 16 - bits.count) + bits)])
        case .text(let bytes):
            // Text is shown as text where a reader can trust its eyes.
            guard bytes.count <= 200, let text = String(validating: bytes, as: UTF8.self),
                text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7f })
            else { return .object(["text_bytes": .string(hex(bytes))]) }
            return .object(["text": .string(text)])
        case .blob(let bytes): return .object(["blob": .string(hex(bytes))])
        }
    }

    static func hex(_ bytes: [UInt8]) -> String { HexText.pieces(bytes).joined(separator: " ") }

    private static func stamp(_ stamp: Stamp) -> JSON {
        .array([number(stamp.hlc), number(UInt64(stamp.replica)), number(stamp.seq)])
    }

    private static func number(_ number: UInt64) -> JSON { .string("\(number)") }

    private static func clock(_ clock: VectorClock) -> JSON {
        .object(Dictionary(uniqueKeysWithValues: clock.entries.map { ("\($0.replica)", number($0.seq)) }))
    }
}
