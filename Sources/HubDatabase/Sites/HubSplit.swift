import ConflictStore
import OrderedLog
import Replication
import SQLite
import TableModel

extension HubStore {
    /// Gives out a new replica number to a site whose database was put back from an earlier state or copied, from behind
    /// the last change set on that it and the hub have alike. The same file gets the same number however often it asks,
    /// and so does a copy of it that has sealed the same behind that place: no write ever gets two names.
    /// (Protocol/Merge-Model.md#split)
    package func split(_ request: SplitRequest, nowMs: UInt64) throws(StoreError) -> SplitAnswer {
        let doing = "giving replica \(request.replica) a new number"
        return try writing(doing) {
            guard let former = try replicaState(request.replica), former.state != .retired else {
                throw StoreError(
                    .refused, doing: doing, why: "it is not active here",
                    hint: "Ask the hub's operator: samband site list.")
            }
            let held = try log.vector()[request.replica]
            let common = try lastCommon(request, held: held)
            let next = request.digests.first { $0.seq > common }
            if common < held, common < request.sealed, next?.seq != common + 1 {
                return .narrow(above: common, below: next?.seq ?? request.sealed + 1)
            }
            guard common < held || request.sealed <= held else {
                throw StoreError(
                    .missing, doing: doing, why: "what it has sealed goes on from what is here",
                    hint: "It is pushed first, by itself.")
            }
            // What is renumbered has a name of its own: its digest under the former number.
            let first = request.sealed > common ? next?.digest : nil
            let number = try given(first ?? request.ticket) ?? newSplit(request, former, at: common, nowMs: nowMs)
            for key in [first, request.ticket].compactMap({ $0 }) { try note(key, gives: number) }
            let statement = try connection.cached(
                "UPDATE samband_replica SET renumbered = max(renumbered, ?1) WHERE replica = ?2")
            try statement.bind(request.sealed - common, at: 1)
            try statement.bind(UInt64(number), at: 2)
            try statement.run()
            return .goOn(as: number, at: common)
        }
    }

    /// The last seq whose digest is the one here, among those that were sent; 0 when none is.
    private func lastCommon(_ request: SplitRequest, held: UInt64) throws -> UInt64 {
        for (seq, digest) in request.digests.reversed() where seq <= held {
            if try log.entry(Dot(replica: request.replica, seq: seq))?.header.digest == digest { return seq }
        }
        return 0
    }

    private func given(_ ticket: [UInt8]) throws -> UInt32? {
        let statement = try connection.cached("SELECT replica FROM samband_split WHERE ticket = ?1")
        try statement.bind(at: 1, blob: ticket)
        defer { statement.reset() }
        return try statement.step() ? UInt32(statement.integer(0)) : nil
    }

    private func note(_ ticket: [UInt8], gives replica: UInt32) throws {
        // A file and its copies show a few; who shows ever others gets the same answer, and they are not kept.
        let statement = try connection.cached(
            """
            INSERT OR IGNORE INTO samband_split(ticket, replica)
            SELECT ?1, ?2 WHERE (SELECT count(*) FROM samband_split WHERE replica = ?2) < ?3
            """)
        try statement.bind([.blob(ticket), .integer(Int64(replica)), .integer(Int64(Limits.splitTickets))])
        try statement.run()
    }

    private func newSplit(
        _ request: SplitRequest, _ former: ReplicaState, at seq: UInt64, nowMs: UInt64
    ) throws -> UInt32 {
        let number = try drawUnused()
        let from = Dot(replica: request.replica, seq: seq)
        try insert(
            SplitStep(replica: number, from: from, atMs: nowMs), former, sent: min(former.sent, request.position))
        try publishReplicas([request.replica, number], nowMs: nowMs)
        return number
    }

    private func insert(_ step: SplitStep, _ former: ReplicaState, sent: UInt64) throws {
        let count = try connection.cached("SELECT count(*) FROM samband_replica WHERE site = ?1")
        try count.bind(at: 1, text: former.site)
        defer { count.reset() }
        guard try count.step(), count.integer(0) < Limits.replicasPerSite else {
            throw StoreError(
                .refused, doing: "giving replica \(step.from.replica) a new number",
                why: "site \(former.site) has had \(Limits.replicasPerSite) replicas",
                hint: "Find out what puts its file back again and again; then join it anew under another name.")
        }
        let insert = try connection.cached(
            """
            INSERT INTO samband_replica(replica, site, state, sent, acknowledged, split_from, split_seq, split_at)
            VALUES(?1, ?2, 'active', ?3, ?4, ?5, ?6, ?7)
            """)
        try insert.bind([
            .integer(Int64(step.replica)), .text(former.site), .integer(Int64(sent)),
            .integer(Int64(min(former.acknowledged, sent))), .integer(Int64(step.from.replica)),
            .integer(Int64(step.from.seq)), .integer(Int64(step.atMs)),
        ])
        try insert.run()
        try lives.set(.replaced, of: step.from.replica)
        log.lines.forget()
    }

    /// A hub that was restored does not know the numbers that it gave out since: a site that acts under one tells from
    /// which it goes on. What leads from no replica of that site is not believed.
    ///
    /// - Parameter line: the first step first.
    package func adopt(_ line: [SplitStep], ofSite site: String, nowMs: UInt64) throws(StoreError) {
        try writing("taking up the replicas of site \(site) again", whileRecovering: true) {
            guard try EpochTable(connection: connection).number() > 0 else { return }
            for step in line where try replicaState(step.replica) == nil {
                guard let former = try replicaState(step.from.replica), former.site == site,
                    former.state != .retired
                else { return }
                try insert(step, former, sent: 0)
            }
        }
    }

    /// A replica of which another was split off is in touch, and what it has fits: its site runs on two machines.
    func goesOn(_ replica: UInt32, nowMs: UInt64) throws {
        guard try replicaState(replica)?.state == .replaced else { return }
        try lives.set(.active, of: replica)
        try publishReplicas([replica], nowMs: nowMs)
    }

    /// Tells every site what has become of replicas.
    func publishReplicas(_ replicas: [UInt32], nowMs: UInt64) throws {
        try publish(
            replicas.map { (ConflictTable.replicaNumber, UInt64($0)) }, at: log.lastPosition() + 1, nowMs: nowMs)
    }
}
