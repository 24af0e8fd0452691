/// Whether the hub serves, or gathers what its sites know since it was restored. (Protocol/Merge-Model.md#lost-hub)
package enum HubPhase: String, StateMachine {
    case serving
    /// Nothing is given out yet.
    case gathering

    package static let title = "a hub"

    package static let beginnings: [(state: HubPhase, by: String)] = [(.serving, "it is made")]

    package static let steps: [StateStep<HubPhase>] = [
        StateStep(.serving, .gathering, by: "it is restored from a backup, or built from nodes' files"),
        StateStep(.gathering, .gathering, by: "it is restored again"),
        StateStep(.gathering, .serving, by: "every site has handed in what it knows, or an operator waits for no more"),
        StateStep(.serving, .serving, by: "a site that was not waited for has handed in what it knows"),
    ]
}

/// The life of a change set that a site has handed in to a restored hub. (Protocol/Merge-Model.md#lost-hub)
package enum HandedState: String, StateMachine {
    case waiting
    case taken
    /// A lost hub's own, which is not taken, but the rows that it names may differ at the sites.
    case noted
    case refused

    package static let title = "a change set that was handed in"

    package static let beginnings: [(state: HandedState, by: String)] = [
        (.waiting, "a site hands it in"),
        (.noted, "a site hands in an arbitration of the lost hub"),
    ]

    package static let steps: [StateStep<HandedState>] = [
        StateStep(.waiting, .waiting, by: "its stamp is ahead of the hub's clock"),
        StateStep(.waiting, .taken, by: "the hub takes it"),
        StateStep(.waiting, .refused, by: "the hub cannot take it, and its author has it still"),
        StateStep(.refused, .waiting, by: "its author offers it again; or the hub is restored again"),
    ]
}
