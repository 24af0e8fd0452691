/// The life of a conflict. (Protocol/Merge-Model.md#life-of-a-conflict)
package enum ConflictState: String, StateMachine {
    case open
    case byPolicy = "settled by a policy"
    case byWrite = "settled by a write"
    case byPerson = "settled by a person"

    package static let title = "a conflict"

    package static let beginnings: [(state: ConflictState, by: String)] = [
        (.open, "concurrent writes disagree"),
        (.byPolicy, "they disagree about what a policy settles"),
    ]

    package static let steps: [StateStep<ConflictState>] = [
        StateStep(.open, .open, by: "another side, or a newer write of one"),
        StateStep(.open, .byWrite, by: "a write whose author had seen it; or nothing is left to decide"),
        StateStep(.open, .byPerson, by: "a decision"),
        StateStep(.open, .byPolicy, by: "what was withheld has come in by itself"),
        StateStep(.byPolicy, .byPolicy, by: "another side, which the policy settles as well"),
        StateStep(.byPolicy, .open, by: "another side, which no policy settles; or undo"),
        StateStep(.byWrite, .open, by: "a write whose author had not seen what settled it; or undo"),
        StateStep(.byWrite, .byWrite, by: "such a write, which a policy settles"),
        StateStep(.byWrite, .byPerson, by: "a recovered decision, whose write had settled it"),
        StateStep(.byPerson, .open, by: "a write whose author had not seen the decision; or undo"),
        StateStep(.byPerson, .byPerson, by: "such a write, which a policy settles; or a recovered decision"),
    ]
}
