import Replication

/// Parcels as the bytes of frames and back. A receiver takes what arrived whole and leaves the rest.
package enum Wire {
    package static func bytes(_ parcels: [Parcel], end: StreamEnd? = nil) -> [UInt8] {
        var out: [UInt8] = []
        for parcel in parcels {
            out += Frame.header(parcel.header, parcel.delivery).encoded()
            for segment in parcel.segments { out += Frame.segment(segment).encoded() }
        }
        if let end { out += Frame.end(end).encoded() }
        return out
    }

    /// What a reader apart from the code under test finds in the bytes of a push or a pull.
    package struct Reading {
        /// The change sets that lie whole in them, or whose rest does: the receiver may hold the first segments of one.
        package var parcels: [Parcel] = []
        /// The one that has begun behind them, with what has come of it.
        package var open: Parcel?
        package var end: StreamEnd?
    }

    /// Reads up to the end, or to what is bent.
    package static func read(_ bytes: [UInt8]) -> Reading {
        var reader = FrameReader()
        reader.append(bytes)
        var found = Reading()
        func close() {
            guard let parcel = found.open, parcel.heldSegments == segmentCount(parcel.header, parcel.delivery) else {
                return
            }
            found.parcels.append(parcel)
            found.open = nil
        }
        do {
            while let frame = try reader.next() {
                switch frame {
                case .header(let header, let delivery):
                    found.open = Parcel(header: header, delivery: delivery, segments: [])
                    close()
                case .segment(let segment):
                    found.open = found.open.map {
                        Parcel(header: $0.header, delivery: $0.delivery, segments: $0.segments + [segment])
                    }
                    close()
                case .end(let end): found.end = end
                }
            }
        } catch {
            // A bent frame: what came before it stands.
        }
        return found
    }

    /// The hub transactions that are complete.
    package static func transactions(_ parcels: [Parcel]) -> [[Parcel]] {
        var done: [[Parcel]] = []
        var open: [Parcel] = []
        for parcel in parcels {
            open.append(parcel)
            if parcel.delivery.endsTransaction {
                done.append(open)
                open = []
            }
        }
        return done
    }

    private static func segmentCount(_ header: ChangeSetHeader, _ delivery: Delivery) -> Int {
        if delivery.isEcho { return 0 }
        return delivery.isEffective ? delivery.effectiveDigests.count : header.segmentDigests.count
    }
}

/// What one change set does to the rows, read back from its segments.
package struct DecodedWrite: Hashable, Sendable {
    package let operation: Operation
    package let key: [Value]
    package let cells: [Int: Value]
    package let stamps: [Int: Stamp]
    package let deltas: [Int: Int64]
}

extension FleetMaker {
    /// Decodes segments; a row that occurs twice is an error, for a row occurs in a change set at most once.
    package func decode(_ segments: [[UInt8]]) throws -> [RowIdentity: DecodedWrite] {
        var tables: [Int: Int] = [:]
        for table in catalogue.tables.indices { tables[number(ofTable: table)] = table }
        var rows: [RowIdentity: DecodedWrite] = [:]
        for bytes in segments {
            let segment = try Segment(bytes)
            for block in segment.blocks {
                if isSystem(table: block.kind.table) { continue }
                guard let table = tables[block.kind.table] else {
                    throw Broken("a table that nobody replicates")
                }
                var cursor = RowCursor(block)
                while cursor.next(bytes.span) {
                    let key = cursor.key.map { $0.value(in: bytes.span) }
                    let cells = zip(block.kind.columns, cursor.cells).map { ($0, $1.value(in: bytes.span)) }
                    let write = DecodedWrite(
                        operation: block.kind.operation, key: key,
                        cells: Dictionary(uniqueKeysWithValues: cells),
                        stamps: Dictionary(
                            uniqueKeysWithValues: zip(block.kind.columns, cursor.cellStamps).map { ($0, $1) }),
                        deltas: Dictionary(uniqueKeysWithValues: zip(block.kind.deltas, cursor.rowDeltas))
                    )
                    let row = catalogue.identity(table, key)
                    guard rows.updateValue(write, forKey: row) == nil else {
                        throw Broken("row \(row) occurs twice in one change set")
                    }
                }
            }
        }
        return rows
    }
}

/// The bytes of one message as they come: in pieces of any size, and with its end or without.
package struct Arrival: Sendable {
    package let pieces: [[UInt8]]
    /// The line was cut behind the last piece.
    package let isCut: Bool

    package var bytes: [UInt8] { pieces.flatMap { $0 } }

    package init(_ pieces: [[UInt8]], isCut: Bool = false) {
        self.pieces = pieces
        self.isCut = isCut
    }

    package init(_ bytes: [UInt8], isCut: Bool, _ random: inout SeededRandom) {
        var pieces: [[UInt8]] = []
        var start = 0
        while start < bytes.count {
            let size = min(random.int(1...4096), bytes.count - start)
            pieces.append(Array(bytes[start..<start + size]))
            start += size
        }
        self.init(pieces, isCut: isCut)
    }
}

extension Parcel {
    /// Segments that the receiver has once this has come: those before it was said to have.
    package var heldSegments: Int { Int(clamping: delivery.firstSegment) + segments.count }
}

/// A promise that did not hold.
package struct Broken: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
