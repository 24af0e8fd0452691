import Replication

/// A hub and its sites, driven from outside through a history and watched: what users did, what each database
/// knows and in which order the hub put it is recorded here, apart from the code under test.
package final class Fleet {
    /// One site as the driver knows it.
    package struct Site {
        package let name: String
        package private(set) var node: any NodeEnd
        /// How far its clock is off now, and what it adds to it since it last measured that.
        package internal(set) var skewMs: Int64
        var offsetMs: Int64 = 0
        /// What it has seen: what was handed to it, and its own.
        package internal(set) var known: [UInt32: UInt64] = [:]
        /// The greatest stamp that came from others, and that of its own last change set.
        var seenHLC: UInt64 = 0
        var ownHLC: UInt64 = 0
        /// Every change set that its file has sealed, as it is named now.
        var own: [OwnSet] = []
        /// False until the hub has been greeted, and after every failure.
        var isGreeted = false
        /// The rows after its last seal or pull, what users touched since, and how.
        var base: Rows = [:]
        var touched: [RowIdentity: Touch] = [:]
        /// True from a write with checks off until nothing of its own is on the way any more: its file may break
        /// constraints so long.
        package internal(set) var hasWrittenUnchecked = false
        /// The last own seq that the hub said it has, and what of the next one.
        var acknowledged: UInt64 = 0
        var heldAtHub: HeldPart?

        struct OwnSet {
            let digest: [UInt8]
            let set: RecordedSet
        }

        init(name: String, node: any NodeEnd, skewMs: Int64) {
            self.name = name
            self.node = node
            self.skewMs = skewMs
        }

        /// The same on another machine.
        func copied(_ node: any NodeEnd) -> Site {
            var site = self
            site.node = node
            site.isGreeted = false
            return site
        }
    }

    struct Touch {
        var columns: Set<Int> = []
        var wasAway = false
    }

    /// What has just happened, for who watches.
    package enum Event {
        case sealed(Int), taken(Int), ingested, decided
    }

    package let maker: any FleetMaker
    package let hub: any HubEnd
    package internal(set) var sites: [Site] = []
    package internal(set) var history = History()
    /// Sees every event; what it throws ends the history.
    package var watch: (Fleet, Event) throws -> Void = { _, _ in }
    package static let beginMs: UInt64 = 1_700_000_000_000
    /// The hub's clock.
    package internal(set) var nowMs = Fleet.beginMs
    /// Steps that a disk let down.
    package internal(set) var interruptions = 0
    /// Sites as they were when their files were backed up.
    var backups: [Int: Site] = [:]
    /// What was ever sealed anywhere, by its digest.
    var sealedSets: [[UInt8]: RecordedSet] = [:]
    /// What the hub has under each name.
    var orderDigests: [Dot: [UInt8]] = [:]
    var orderHLC: [Dot: UInt64] = [:]
    /// What stands in the order of each hub, as far as it was read there.
    var orders: [UInt32: [Ordered]] = [:]
    /// How often pushes and pulls were cut, and went on behind a cut.
    package internal(set) var line = LineTally()
    /// Whose each replica number is.
    package internal(set) var siteNames: [UInt32: String] = [:]
    /// Some file was put back or copied: it takes more than one round to come to rest.
    var hasForks = false
    var mailbox: [Message] = []
    var random: SeededRandom
    // What is known of hubs that were lost.
    var orderRecords: [OrderRecord] = []
    package internal(set) var formerHubs: Set<UInt32> = []
    /// What each dot has ever named in the hub's order.
    var contents: [Dot: [UInt8]] = [:]
    /// Decisions that some site has had.
    var decisionsHad: Set<[UInt8]> = []
    /// An operator did not wait for all sites.
    package internal(set) var hasAcceptedEarly = false
    var isAbsorbing = false
    /// How often each request of a recovery goes wrong.
    package var lineFaultPercent = 0
    // What the observer at the hub has seen.
    let observer: UInt32
    var observedPosition: UInt64 = 0
    var observedVector = VectorClock()
    var contexts: [UInt32: VectorClock] = [:]

    struct Message {
        let site: Int
        /// As which it was sent, or asked for.
        let replica: UInt32
        /// The hub that it was meant for, or came from.
        let hub: UInt32
        /// What it answers; nil for a push.
        let request: PullRequest?
        var bytes: [UInt8]
        /// The line was cut behind its bytes.
        var isCut = false
        /// A bit in it was turned.
        var isBent = false

        var isPush: Bool { request == nil }
    }

    package init(_ maker: any FleetMaker, skewsMs: [Int64], seed: UInt64 = 0) throws {
        self.maker = maker
        random = SeededRandom(seed: seed)
        hub = try maker.makeHub(nowMs: nowMs)
        observer = try hub.admit(site: "observer", nowMs: nowMs)
        for (index, skewMs) in skewsMs.enumerated() {
            let name = Scenario.names[index]
            let replica = try hub.admit(site: name, nowMs: nowMs)
            let node = try maker.makeNode(for: replica, of: hub, nowMs: nowMs)
            sites.append(Site(name: name, node: node, skewMs: skewMs))
            siteNames[replica] = name
            sites[index].base = try node.rows()
            for entry in try node.vector().entries { sites[index].known[entry.replica] = entry.seq }
        }
        try observe()
        orderRecords = [orderRecord]
    }

    package func index(of name: String) -> Int {
        guard let index = sites.firstIndex(where: { $0.name == name }) else {
            preconditionFailure("no site is called \(name)")
        }
        return index
    }

    /// What a site takes for the time, once it has measured how far its clock is off.
    package func localMs(_ index: Int) -> UInt64 {
        UInt64(max(0, Int64(nowMs) + sites[index].skewMs + sites[index].offsetMs))
    }

    package func perform(_ step: Step) throws {
        do {
            try carryOut(step)
        } catch is Interrupted {
            interruptions += 1
            if let site = step.site, site < sites.count { sites[site].isGreeted = false }
        }
    }

    private func carryOut(_ step: Step) throws {
        // A copy that was never made.
        if let site = step.site, site >= sites.count { return }
        switch step {
        case .write(let index, let writes): try write(index, writes, isChecked: true)
        case .uncheckedWrite(let index, let writes): try write(index, writes, isChecked: false)
        case .seal(let index): try seal(index)
        case .push(let index, let fault): try push(index, fault)
        case .pull(let index, let fault): try pull(index, fault)
        case .deliver(let place):
            guard !mailbox.isEmpty else { return }
            let message = mailbox.remove(at: place % mailbox.count)
            try arrive(message, answered: false)
        case .wait(let ms): nowMs += ms
        case .decide(let place, let choice): try decide(place, choice)
        case .undo(let place): try undo(place)
        case .settle: try settleEverything()
        case .disk(nil, let fault):
            try hub.meet(fault)
            if fault == .image { orderRecords.append(orderRecord) }
        case .loseHub(let image, let seat): try loseHub(image, seat)
        case .accept: try acceptRecovery()
        case .disk(let index?, let fault): try disk(index, fault)
        case .copy(let index): try copy(index)
        case .clock(let index, let skewMs): sites[index].skewMs = skewMs
        }
    }

    // MARK: What users do

    func write(_ index: Int, _ writes: [UserWrite], isChecked: Bool) throws {
        var before = try sites[index].node.rows()
        let node = sites[index].node
        let touched = sites[index].touched
        let run = isChecked ? node.transaction : node.uncheckedTransaction
        var isCommitted = false
        defer { if !isCommitted { sites[index].touched = touched } }
        isCommitted = try run(writes) { _, after in
            note(index, before: before, after: after)
            before = after
        }
        if !isChecked { sites[index].hasWrittenUnchecked = true }
    }

    /// Notes what one statement did to each row.
    private func note(_ index: Int, before: Rows, after: Rows) {
        for (row, old) in before where after[row] != old {
            var touch = sites[index].touched[row] ?? Touch()
            if let new = after[row], new.key == old.key {
                for column in old.data.indices where old.data[column] != new.data[column] {
                    touch.columns.insert(column)
                }
            } else {
                // Gone, or written under another spelling of its key.
                touch.wasAway = true
            }
            sites[index].touched[row] = touch
        }
        for row in after.keys where before[row] == nil {
            var touch = sites[index].touched[row] ?? Touch()
            touch.wasAway = true
            sites[index].touched[row] = touch
        }
    }

    /// What the next seal must ship.
    func pendingWrites(_ index: Int) throws -> [RowIdentity: RecordedWrite] {
        let site = sites[index]
        guard !site.touched.isEmpty else { return [:] }
        let now = try site.node.rows()
        var writes: [RowIdentity: RecordedWrite] = [:]
        for (row, touch) in site.touched {
            let all = { (data: [Value]) in
                Dictionary(uniqueKeysWithValues: data.enumerated().map { ($0, $1) })
            }
            switch (site.base[row], now[row]) {
            case (nil, nil): break
            case (nil, let new?):
                writes[row] = RecordedWrite(kind: .insert, key: new.key, cells: all(new.data))
            case (let old?, nil): writes[row] = RecordedWrite(kind: .delete, key: old.key, cells: [:])
            case (let old?, let new?):
                let model = maker.catalogue.tables[row.table]
                var cells = all(new.data)
                if !touch.wasAway {
                    // A write of one column of a unit is one of all.
                    let columns =
                        touch.columns.isDisjoint(with: model.unit) ? touch.columns : touch.columns.union(model.unit)
                    cells = cells.filter { columns.contains($0.key) }
                }
                writes[row] = RecordedWrite(
                    kind: touch.wasAway ? .replace : .update, key: new.key, cells: cells,
                    deltas: deltas(model, old, cells))
            }
        }
        return writes
    }

    private func deltas(_ model: TableModel, _ old: Row, _ cells: [Int: Value]) -> [Int: Int64] {
        var deltas: [Int: Int64] = [:]
        for (column, policy) in model.policies where policy == .sum {
            if case .integer(let before) = old.data[column], case .integer(let now) = cells[column] {
                deltas[column] = now - before
            }
        }
        return deltas
    }

    func decide(_ place: Int, _ choice: Choice) throws {
        if hub.isRecovering { return }
        let open = try hub.conflicts().filter { $0.life.isOpen }.sorted { $0.id < $1.id }
        guard !open.isEmpty else { return }
        let conflict = open[place % open.count]
        let isAccepted = try hub.decide(conflict.id, seen: conflict.life.changed, choice, nowMs: nowMs)
        try observe()
        try noteWithheld()
        if isAccepted {
            history.decisions.append(
                History.Decision(
                    kind: conflict.kind, row: conflict.row, column: conflict.column,
                    position: observedPosition))
        }
        try watch(self, .decided)
    }

    func undo(_ place: Int) throws {
        if hub.isRecovering { return }
        let settled = try hub.conflicts().filter { !$0.life.isOpen }.sorted { $0.id < $1.id }
        guard !settled.isEmpty else { return }
        let conflict = settled[place % settled.count]
        if try hub.undo(conflict.id, seen: conflict.life.changed, nowMs: nowMs) { history.undone.insert(conflict.id) }
        try observe()
        try noteWithheld()
        try watch(self, .decided)
    }
}
