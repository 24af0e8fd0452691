import Replication
import SimulationKit

extension ReferenceHub {
    /// A person's decision: an ordinary write of the hub's replica that has seen everything, refused when the
    /// conflict is not as the operator saw it. (Protocol/Merge-Model.md#a-persons-decision)
    func decide(_ id: UInt64, seen changed: UInt64, _ choice: Choice, nowMs: UInt64) -> Bool {
        guard let (key, record) = ledger.records.first(where: { $0.value.id == id }) else { return false }
        guard record.life.isOpen, record.life.changed == changed else { return false }
        guard let write = write(for: choice, key, record.life) else {
            guard key.kind == .deleteUpdate, keeps(choice), table[key.row] != nil else { return false }
            // "Keep" writes nothing.
            ledger.records[key]!.life.settle(by: nil, .person, at: UInt64(entries.count))
            return true
        }
        let position = UInt64(entries.count) + 1
        let dot = Dot(replica: replica, seq: seen[replica] + 1)
        let hlc = clock.tick(nowMs: nowMs)
        let columns = write.cells.keys.sorted()
        let values = columns.map { write.cells[$0]! }
        let operation = LoggedOperation(
            dot: dot, hlc: hlc, position: position, seen: position - 1, operation: write.operation,
            columns: columns,
            values: values)
        let stood = table[key.row]!
        if write.operation == .delete {
            table[key.row] = nil
        } else {
            for (column, value) in write.cells { table[key.row]!.data[column] = value }
        }
        var builder = SegmentBuilder()
        builder.add(
            BlockKind(table: key.row.table, operation: write.operation, columns: columns), key: stood.key,
            values: values)
        append(own(.decision, dot, hlc, &builder, conflict: id), at: position)
        entries[entries.count - 1].endsTransaction = true
        log[key.row]!.append(
            Logged(
                operation: operation, written: columns, image: write.operation == .delete ? stood.data : nil))
        let isCell = key.kind == .cell && key.column != nil
        let side = ConflictSide(
            dot: dot, hlc: hlc, position: position, value: isCell ? values[0] : nil,
            row: isCell || write.operation == .delete ? nil : write.cells)
        ledger.records[key]!.life.settle(by: side, .person, at: position)
        return true
    }

    private func write(
        for choice: Choice, _ key: ReferenceLedger.Key, _ life: Conflict
    ) -> (operation: Operation, cells: [Int: Value])? {
        guard table[key.row] != nil else { return nil }
        switch (key.kind, choice) {
        case (.cell, .value(let value)): return key.column.map { (.update, [$0: value]) }
        case (.cell, .side(let place)) where key.column == nil:
            return (.update, life.sides[place % life.sides.count].row!)
        case (.cell, .side(let place)):
            // A side may have become a delete only for conflicts about the whole row.
            guard let value = life.sides[place % life.sides.count].value else { return nil }
            return (.update, [key.column!: value])
        case (_, .side(let place)):
            guard let cells = life.sides[place % life.sides.count].row else { return (.delete, [:]) }
            return key.kind == .insert ? (.update, cells) : nil
        case (_, .delete):
            return key.kind == .cell ? nil : (.delete, [:])
        case (_, .value), (_, .now), (_, .restore), (_, .admit), (_, .discard): return nil
        }
    }

    private func keeps(_ choice: Choice) -> Bool {
        switch choice {
        case .side, .now, .restore: true
        case .value, .delete, .admit, .discard: false
        }
    }

    /// A second opinion is tried on real databases only.
    func undo(_ conflict: UInt64, seen changed: UInt64, nowMs: UInt64) -> Bool { false }
}
