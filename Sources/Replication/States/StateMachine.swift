/// A life that is written down: its states, and every step from one to another with what takes it. A state is changed by
/// `to` only. (Protocol/State-Machines.md)
package protocol StateMachine: CaseIterable, Hashable, RawRepresentable, Sendable where RawValue == String {
    /// Whose life it is, as the page says it.
    static var title: String { get }
    /// In which states it begins, with what makes it.
    static var beginnings: [(state: Self, by: String)] { get }
    /// Every legal step.
    static var steps: [StateStep<Self>] { get }
}

/// A legal step.
package struct StateStep<State: StateMachine>: Sendable {
    package let from: State
    package let to: State
    /// What takes it.
    package let by: String

    package init(_ from: State, _ to: State, by: String) {
        self.from = from
        self.to = to
        self.by = by
    }
}

extension StateMachine {
    /// True when the table has that step.
    package func leads(to next: Self) -> Bool { Self.steps.contains { $0.from == self && $0.to == next } }

    /// The next state. In a debug build a step that the table does not have traps and prints the states: the fault is found
    /// in a test. In a release build the step is taken: a hub that stops over a row that is missing from the table does more
    /// harm than the step.
    package func to(_ next: Self) -> Self {
        assert(leads(to: next), "\(Self.title): no step leads from \(rawValue) to \(next.rawValue)")
        return next
    }

    /// The table as the page has it.
    package static var page: String {
        var lines = ["| from | to | by |", "|---|---|---|"]
        for (state, by) in beginnings { lines.append("| | `\(state.rawValue)` | \(by) |") }
        for step in steps { lines.append("| `\(step.from.rawValue)` | `\(step.to.rawValue)` | \(step.by) |") }
        return lines.joined(separator: "\n") + "\n"
    }
}
