import Replication
import SQLite
import SimulationKit

/// Faults about withheld rows, done to the hub's file behind its back, to see that the judges notice.
extension StoreHub {
    func sabotage() throws {
        switch maker.bug {
        case .forgetsWithheld: try quietly("DELETE FROM samband_withheld")
        case .deletesBlocker:
            for conflict in try conflicts() where conflict.kind == .unique && conflict.life.isOpen {
                for key in conflict.life.sides.compactMap(\.key) {
                    try quietly(UserWrite.delete(conflict.row.table, key).sql(maker.catalogue))
                }
            }
        case .letsOrphansIn:
            let all = try withheld().filter { $0.state == .withheld }
            for row in all where row.operation.isWholeRow {
                guard maker.catalogue.tables[row.row.table].rules.references.isEmpty == false else { continue }
                let data = row.cells.sorted { $0.key < $1.key }.map(\.value)
                try quietly(UserWrite.orIgnore(row.row.table, row.key, data).sql(maker.catalogue))
            }
        default: break
        }
    }

    private func quietly(_ sql: String) throws {
        try reader.setTriggersEnabled(false)
        try reader.execute(sql)
        try reader.setTriggersEnabled(true)
    }
}
