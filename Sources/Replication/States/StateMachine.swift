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

/// A step that no table has: a fault of this program. Nothing is written.
package struct IllegalStep: Error, Hashable, Sendable, CustomStringConvertible {
    package let machine: String
    package let from: String
    package let to: String

    package init(machine: String, from: String, to: String) {
        self.machine = machine
        self.from = from
        self.to = to
    }

    package var description: String { "\(machine): no step leads from \(from) to \(to)" }
}

extension StateMachine {
    /// The next state, if the table has that step.
    package func checked(_ next: Self) throws(IllegalStep) -> Self {
        if Self.steps.contains(where: { $0.from == self && $0.to == next }) { return next }
        throw IllegalStep(machine: Self.title, from: rawValue, to: next.rawValue)
    }

    /// The next state. A step that the table does not have traps where assertions do, and else is an error.
    package func to(_ next: Self) throws(IllegalStep) -> Self {
        do {
            return try checked(next)
        } catch {
            assertionFailure("\(error)")
            throw error
        }
    }

    /// The table as the page has it.
    package static var page: String {
        var lines = ["| from | to | by |", "|---|---|---|"]
        for (state, by) in beginnings { lines.append("| | `\(state.rawValue)` | \(by) |") }
        for step in steps { lines.append("| `\(step.from.rawValue)` | `\(step.to.rawValue)` | \(step.by) |") }
        return lines.joined(separator: "\n") + "\n"
    }
}
