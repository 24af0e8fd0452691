/// What an operator may do from afar. The raw value is what the command line says.
package enum Role: String, CaseIterable, Sendable {
    /// Sees how the fleet is, and no row.
    case viewer
    /// Settles conflicts and reads what that takes: rows, their history, the log.
    case `operator`
    /// May do all that the hub offers.
    case admin
    /// Sees how was decided, for and against whom, and no row.
    case auditor
}
