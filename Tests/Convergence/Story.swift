import Replication
import SimulationKit
import Testing

/// A history with a name: one that broke an earlier draft of the rules, or that a rule is there for.
struct Story: Sendable, CustomTestStringConvertible {
    /// What it shows, as a claim.
    let claim: String
    var tables: [TableModel] = [.plain]
    /// How wrong the clocks of Snåsa, Inderøy and Verran are.
    var skewsMs: [Int64] = [0, 0, 0]
    let tell: @Sendable (Fleet) throws -> Void
    /// What everybody has at the end, by key; nil for a row that is gone.
    var ends: [String: [Value]?] = [:]
    /// The conflicts that are open at the end.
    var open: [SeenConflict.Kind] = []

    var testDescription: String { claim }

    /// Tells it to a fleet, comes to rest, and checks all promises beside what the story itself expects.
    func run(_ maker: any FleetMaker) throws {
        let fleet = try Fleet(maker, skewsMs: skewsMs)
        let trial = Trial(maker)
        fleet.watch = trial.check
        try tell(fleet)
        try fleet.settleEverything()
        try trial.finish(fleet)
        let rows = try fleet.hub.rows()
        for (key, data) in ends {
            #expect(rows[maker.catalogue.identity(0, [.text(key)])]?.data == data, "row \(key)")
        }
        #expect(try fleet.openConflicts().map(\.kind.rawValue).sorted() == open.map(\.rawValue).sorted())
    }
}

// Short hands for tables of the shape (id, x, y).
let k: [Value] = [.text("k")]
func insert(_ x: Int64, _ y: Int64) -> UserWrite { .insert(0, k, [.integer(x), .integer(y)]) }
func set(x: Int64? = nil, y: Int64? = nil) -> UserWrite {
    var cells: [Int: Value] = [:]
    if let x { cells[0] = .integer(x) }
    if let y { cells[1] = .integer(y) }
    return .update(0, k, cells)
}
let delete = UserWrite.delete(0, k)
func row(_ x: Int64, _ y: Int64) -> [Value] { [.integer(x), .integer(y)] }
