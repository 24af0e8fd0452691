/// The life of a site at the hub.
package enum SiteState: String, StateMachine {
    case invited
    case active
    case paused
    case retired

    package static let title = "a site"

    package static let beginnings: [(state: SiteState, by: String)] = [
        (.invited, "`site add`"),
        (.active, "an operator confirms a site that a restored hub does not know; or a hub is built from nodes' files"),
        (.retired, "a hub is built from nodes' files, which know it as retired"),
    ]

    package static let steps: [StateStep<SiteState>] = [
        StateStep(.invited, .active, by: "it joins, or is confirmed after the hub was restored"),
        StateStep(.active, .paused, by: "`site pause`"),
        StateStep(.paused, .active, by: "`site resume`"),
        StateStep(.invited, .retired, by: "`site retire`"),
        StateStep(.active, .retired, by: "`site retire`"),
        StateStep(.paused, .retired, by: "`site retire`"),
    ]
}

/// The life of a replica, which is one database file of a site or hub.
package enum ReplicaLife: String, StateMachine {
    case active
    /// The restored hub has less than it, or it ends before what they share: it joins anew.
    case behind
    /// Another was split off it, because its file was put back or copied.
    case replaced
    case retired

    package static let title = "a replica"

    package static let beginnings: [(state: ReplicaLife, by: String)] = [
        (
            .active,
            "a site joins; a file that was put back or copied gets a number of its own; a hub is made or restored"
        )
    ]

    package static let steps: [StateStep<ReplicaLife>] = [
        StateStep(.active, .behind, by: "it has handed in all it knows, and cannot follow the restored hub"),
        StateStep(.active, .replaced, by: "another is split off it, or stands for its site"),
        StateStep(.active, .retired, by: "its site joins anew or is retired; of a hub: it is restored"),
        StateStep(.behind, .active, by: "it has handed in again, and can follow"),
        StateStep(.behind, .replaced, by: "another is split off it"),
        StateStep(.behind, .retired, by: "its site joins anew or is retired"),
        StateStep(.replaced, .active, by: "it is in touch, and what it has fits: its site runs on two machines"),
        StateStep(.replaced, .retired, by: "its site joins anew or is retired"),
    ]
}
