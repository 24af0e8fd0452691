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
                let isLegal = State.steps.contains { $0.from == from && $0.to == to }
                #expect(from.leads(to: to) == isLegal)
                if isLegal { #expect(from.to(to) == to) }
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

    #if DEBUG
        @Test("an illegal step traps, and says between which states")
        func traps() async throws {
            let ended = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
                _ = ReplicaLife.retired.to(.active)
            }
            let said = String(decoding: try #require(ended).standardErrorContent, as: UTF8.self)
            #expect(said.contains("a replica: no step leads from retired to active"))
        }

        @Test("a settled conflict is not settled anew by a write: that is caught before anything changes")
        func illegal() async {
            await #expect(processExitsWith: .failure) {
                let side = ConflictSide(dot: Dot(replica: 2, seq: 1), hlc: 1, position: 1, value: .null, row: nil)
                var life = Conflict(sides: [side], changed: 1, settlement: .person, settledBy: nil)
                life.settle(by: side, .write, at: 2)
            }
        }
    #else
        @Test("an illegal step is taken in a release build: it never stops a hub")
        func taken() {
            #expect(ReplicaLife.retired.to(.active) == .active)
            let side = ConflictSide(dot: Dot(replica: 2, seq: 1), hlc: 1, position: 1, value: .null, row: nil)
            var life = Conflict(sides: [side], changed: 1, settlement: .person, settledBy: nil)
            life.settle(by: side, .write, at: 2)
            #expect(life.state == .byWrite)
        }
    #endif
}
