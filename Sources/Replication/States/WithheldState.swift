/// What has become of an operation that was withheld.
package enum WithheldState: String, StateMachine {
    case withheld
    /// Its author wrote the row anew, so it has no say any more.
    case superseded
    /// A person let it in, and what came in is a write of the hub.
    case admitted
    /// A person gave it up.
    case discarded
    /// It came in by itself when nothing stood in its way any more.
    case released

    package static let title = "a withheld row"

    package static let beginnings: [(state: WithheldState, by: String)] = [
        (.withheld, "a constraint keeps an operation out; or a decision takes a row out to make room")
    ]

    package static let steps: [StateStep<WithheldState>] = [
        StateStep(.withheld, .superseded, by: "its author writes the row anew, or somebody else has taken it away"),
        StateStep(.withheld, .admitted, by: "a person admits it"),
        StateStep(.withheld, .discarded, by: "a person discards it; or it was taken out to make room"),
        StateStep(
            .withheld, .released, by: "what was in its way is gone; or it goes to the row that remains of a merge"),
        StateStep(.admitted, .withheld, by: "undo"),
        StateStep(.discarded, .withheld, by: "undo"),
        StateStep(.discarded, .superseded, by: "undo, of a row that was taken out to make room"),
        StateStep(.released, .withheld, by: "unmerge, of a row that came in with the merge"),
    ]
}
