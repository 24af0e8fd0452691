import Auditing

/// Who may use a route of the hub over the network. Whoever can open the control socket of the hub's machine may do all
/// that operators may.
package enum Access: Equatable, Sendable {
    /// Needs no credential, or has one of its own in the body.
    case anyone
    /// An active site, by the secret that its node made.
    case site
    /// The same, and a retired site too: what it still sends is kept apart.
    case siteOrRetired
    /// Operators of these roles, by their token.
    case operators(Set<Role>)
    /// Nobody over the network: it is done on the hub's own machine.
    case ownMachine

    /// How the fleet is and who decided what: no row of it.
    package static let overview = Access.operators([.viewer, .operator, .admin, .auditor])
    /// Who decided for and against whom: no row of it either.
    package static let supervision = Access.operators([.operator, .admin, .auditor])
    /// Who did and read what, and no row of it.
    package static let audit = Access.operators([.admin, .auditor])
    /// Rows, and what settles their conflicts.
    package static let rows = Access.operators([.operator, .admin])
    /// Sites, operators, the rules of the fleet.
    package static let fleet = Access.operators([.admin])

    package var isForOperators: Bool {
        switch self {
        case .operators, .ownMachine: true
        case .anyone, .site, .siteOrRetired: false
        }
    }
}
