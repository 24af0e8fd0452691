import Replication
import TableModel

/// Finds single rows in the change sets of the log: remembers where the rows of those it was asked about lie, within a
/// bound, and decodes only what is wanted. Change sets never change, but a transaction that is rolled back takes its own
/// with it: then all is to be forgotten, or what lies behind the end of the log.
package final class RowFinder {
    /// A row found: its identity, its key as written, what is done to it.
    package typealias Found = (row: RowID, key: [Value], operation: LoggedOperation)

    private struct Source: Hashable {
        let change: UInt64
        let variant: SegmentVariant
    }

    private struct ReferenceSource: Hashable {
        let change: UInt64
        let table: Int
        let columns: [String]
        let collations: [String]
    }

    private let log: ChangeLog
    private let tables: [Int: TableLayout]
    private let shapes: [Int: TableShape]
    private var known: [Source: RowLocations] = [:]
    private var references: [ReferenceSource: [(hash: UInt64, ordinal: UInt32)]] = [:]
    private(set) var rowsKnown = 0
    /// The segment read last: rows asked for one after the other mostly lie in one.
    private var open: (source: Source, number: Int, segment: Segment)?

    /// Rows whose places are remembered: 12 MB of them.
    package var room = 1 << 20

    /// What a change set itself needs beside its rows, as that many rows.
    private static let rowsPerSource = 32

    package init(log: ChangeLog, tables: [Int: TableLayout]) {
        self.log = log
        self.tables = tables
        shapes = tables.mapValues(\.shape)
    }

    package func forget() {
        known = [:]
        references = [:]
        rowsKnown = 0
        open = nil
    }

    /// Forgets the change sets whose ids are behind this one.
    package func forget(behind id: UInt64) {
        for (source, rows) in known where source.change > id {
            known[source] = nil
            rowsKnown -= Int(rows.rowCount) + Self.rowsPerSource
        }
        for (source, rows) in references where source.change > id {
            references[source] = nil
            rowsKnown -= rows.count + Self.rowsPerSource
        }
        if let open, open.source.change > id { self.open = nil }
    }

    /// Where the rows of a change set lie.
    package func locations(of change: UInt64, _ variant: SegmentVariant) throws -> RowLocations {
        let source = Source(change: change, variant: variant)
        if let found = known[source] { return found }
        var made = RowLocations()
        var number = 0
        while let segment = try segment(source, number) {
            made.add(segment, number: number, shapes)
            number += 1
        }
        made.sort()
        makeRoom(Int(made.rowCount))
        known[source] = made
        return made
    }

    /// The operations of a change set on rows with these key hashes, which ascend. A hash may be that of another row
    /// too: whoever asks compares the rows.
    package func operations(
        of entry: LogEntry, _ variant: SegmentVariant = .authored, holding hashes: [UInt64]
    ) throws -> [Found] {
        let locations = try locations(of: entry.id, variant)
        return try operations(of: entry, variant, locations, at: locations.ordinals(of: hashes))
    }

    /// The rows of an undo image whose `columns` held these values, as the parent's columns compare.
    package func images(
        of entry: LogEntry, table: TableLayout, columns: [String], collations: [String], values: [Value]
    ) throws -> [Found] {
        let source = ReferenceSource(
            change: entry.id, table: table.number, columns: columns, collations: collations)
        let collations = collations.map { Collation(rawValue: $0) ?? .binary }
        let index = try references[source] ?? indexImages(of: entry, source, table, collations)
        let hash = Self.hash(values, collations)
        var (low, high) = (0, index.count)
        while low < high {
            let middle = (low + high) / 2
            if index[middle].hash < hash { low = middle + 1 } else { high = middle }
        }
        var ordinals: [UInt32] = []
        while low < index.count && index[low].hash == hash {
            ordinals.append(index[low].ordinal)
            low += 1
        }
        if ordinals.isEmpty { return [] }
        return try operations(of: entry, .undo, locations(of: entry.id, .undo), at: ordinals)
    }

    private func indexImages(
        of entry: LogEntry, _ source: ReferenceSource, _ table: TableLayout, _ collations: [Collation]
    ) throws -> [(hash: UInt64, ordinal: UInt32)] {
        let locations = try locations(of: entry.id, .undo)
        var index: [(hash: UInt64, ordinal: UInt32)] = []
        for block in locations.blocks where block.kind.table == table.number {
            // The place of each column in the row: below the key's count in the key, else among the values.
            let places = source.columns.map { column -> Int? in
                if let place = table.keyColumns.firstIndex(of: column) { return place }
                guard let data = table.dataColumns.firstIndex(of: column) else { return nil }
                return block.kind.columns.firstIndex(of: data).map { table.keyColumns.count + $0 }
            }
            if places.contains(nil) { continue }
            let all = (0..<UInt32(block.rowCount)).map { block.first + $0 }
            try locations.walk(all, segment: { try self.read(.init(change: entry.id, variant: .undo), $0) }) {
                ordinal, _, cursor, span in
                let keyCount = table.keyColumns.count
                let values = places.map { place in
                    (place! < keyCount ? cursor.key[place!] : cursor.cells[place! - keyCount]).value(in: span)
                }
                if !values.contains(.null) { index.append((Self.hash(values, collations), ordinal)) }
            }
        }
        index.sort { ($0.hash, $0.ordinal) < ($1.hash, $1.ordinal) }
        makeRoom(index.count)
        references[source] = index
        return index
    }

    private static func hash(_ values: [Value], _ collations: [Collation]) -> UInt64 {
        var canonical: [UInt8] = []
        for (value, collation) in zip(values, collations) { appendCanonical(value, collation, to: &canonical) }
        return keyHash(table: 0, canonical: canonical)
    }

    private func operations(
        of entry: LogEntry, _ variant: SegmentVariant, _ locations: RowLocations, at ordinals: [UInt32]
    ) throws -> [Found] {
        var found: [Found] = []
        found.reserveCapacity(ordinals.count)
        let source = Source(change: entry.id, variant: variant)
        try locations.walk(ordinals, segment: { try self.read(source, $0) }) { _, kind, cursor, span in
            guard let shape = shapes[kind.table] else { return }
            found.append(OperationReader.found(kind, cursor, span, shape, entry))
        }
        return found
    }

    // MARK: segments

    private func read(_ source: Source, _ number: Int) throws -> Segment {
        guard let segment = try segment(source, number) else {
            preconditionFailure("segment \(number) of change \(source.change) was there a moment ago")
        }
        return segment
    }

    private func segment(_ source: Source, _ number: Int) throws -> Segment? {
        if let open, open.source == source, open.number == number { return open.segment }
        guard let bytes = try log.segment(change: source.change, variant: source.variant, number: number) else {
            return nil
        }
        let segment = try Segment(bytes)
        open = (source, number, segment)
        return segment
    }

    private func makeRoom(_ rows: Int) {
        let rows = rows + Self.rowsPerSource
        if rowsKnown + rows > room {
            known = [:]
            references = [:]
            rowsKnown = 0
        }
        rowsKnown += rows
    }
}
