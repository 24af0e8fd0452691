import Replication
import Testing

@Suite("The lives that are written down")
struct StateMachineTests {
    private func check<State: StateMachine>(_ machine: State.Type) throws {
        try PageTable(page: "Protocol/State-Machines.md", name: State.title).expect(State.page)
        // Each state can be reached, and no step stands twice.
        var reached = Set(State.beginnings.map(\.state))
        for _ in State.allCases {
            for step in State.steps where reached.contains(step.from) { reached.insert(step.to) }
        }
        #expect(reached == Set(State.allCases))
        #expect(Set(State.steps.map { [$0.from, $0.to] }).count == State.steps.count)
        for from in State.allCases {
            for to in State.allCases {
                if State.steps.contains(where: { $0.from == from && $0.to == to }) {
                    #expect(try from.to(to) == to)
                } else {
                    #expect(throws: IllegalStep(machine: State.title, from: from.rawValue, to: to.rawValue)) {
                        try from.checked(to)
                    }
                }
            }
        }
    }

    @Test("the page has the tables, and only their steps are taken (RECORD_SNAPSHOTS=1 writes it anew)")
    func pages() throws {
        try check(ConflictState.self)
        try check(WithheldState.self)
        try check(SiteState.self)
        try check(ReplicaLife.self)
        try check(HubPhase.self)
        try check(HandedState.self)
    }

    @Test("who is retired, and what was taken, stays so")
    func ends() {
        #expect(!SiteState.steps.contains { $0.from == .retired })
        #expect(!ReplicaLife.steps.contains { $0.from == .retired })
        #expect(!HandedState.steps.contains { $0.from == .taken })
    }

    @Test("an illegal step traps")
    func traps() async {
        await #expect(processExitsWith: .failure) { _ = try ReplicaLife.retired.to(.active) }
    }

    @Test("a settled conflict is not settled anew by a write: that is caught before anything changes")
    func illegal() async {
        await #expect(processExitsWith: .failure) {
            let side = ConflictSide(dot: Dot(replica: 2, seq: 1), hlc: 1, position: 1, value: .null, row: nil)
            var life = Conflict(sides: [side], changed: 1, settlement: .person, settledBy: nil)
            try life.settle(by: side, .write, at: 2)
        }
    }
}
