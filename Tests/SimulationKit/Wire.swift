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

    /// The change sets that lie whole in these bytes, read in pieces of random size. What is cut or bent ends
    /// the reading, as it would end a connection.
    package static func parcels(_ bytes: [UInt8], random: inout SeededRandom) -> (
        parcels: [Parcel], end: StreamEnd?
    ) {
        var reader = FrameReader()
        var done: [Parcel] = []
        var open: (header: ChangeSetHeader, delivery: Delivery, segments: [[UInt8]])?
        var end: StreamEnd?
        var start = 0
        func close() {
            guard let parcel = open, parcel.segments.count == segmentCount(parcel.header, parcel.delivery)
            else { return }
            done.append(Parcel(header: parcel.header, delivery: parcel.delivery, segments: parcel.segments))
            open = nil
        }
        do {
            while start < bytes.count {
                let size = min(random.int(1...4096), bytes.count - start)
                reader.append(Array(bytes[start..<start + size]))
                start += size
                while let frame = try reader.next() {
                    switch frame {
                    case .header(let header, let delivery):
                        open = (header, delivery, [])
                        close()
                    case .segment(let segment):
                        open?.segments.append(segment)
                        close()
                    case .end(let streamEnd): end = streamEnd
                    }
                }
            }
        } catch {
            // A bent frame: what came before it stands.
        }
        return (done, end)
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

/// A promise that did not hold.
package struct Broken: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
