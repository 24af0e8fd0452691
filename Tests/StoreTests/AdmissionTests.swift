import Replication
import Testing

@testable import ConflictStore
@testable import TableModel

@Suite("What the hub believes a site")
struct AdmissionTests {
    /// A fleet in which verran has written what snasa has not seen.
    private func fleet() throws -> TestFleet {
        let fleet = try TestFleet(Schemas.referrals)
        try fleet.join("snasa")
        try fleet.join("verran")
        return fleet
    }

    /// A change set made by hand, as a stolen node could send it.
    func forge(
        _ replica: UInt32, seq: UInt64 = 1, hlc: UInt64? = nil, position: UInt64 = 0,
        context: VectorClock = VectorClock(),
        kind: ChangeSetHeader.Kind = .local, previous: [UInt8] = ChangeSetHeader.firstPrevious,
        block: BlockKind? = nil,
        key: [Value] = [.text("r-1")], values: [Value] = [.text("forged")], nowMs: UInt64
    ) -> ChangeSet {
        var builder = SegmentBuilder()
        builder.add(block ?? BlockKind(table: 1, operation: .update, columns: [0]), key: key, values: values)
        builder.close()
        let segments = builder.takeFinished()
        return ChangeSet(
            header: ChangeSetHeader(
                kind: kind, dot: Dot(replica: replica, seq: seq), hlc: hlc ?? HybridClock.value(ms: nowMs),
                position: position, contextDelta: context, schemaVersion: 1, rowCount: 1, conflict: 0,
                previous: previous,
                segmentDigests: segments.map { SHA256.digest($0) }), segments: segments)
    }

    private func expectRefused(
        _ fleet: TestFleet, _ set: ChangeSet, from site: String, _ kind: StoreError.Kind, _ comment: Comment,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let before = try fleet.rows("hub", "SELECT * FROM referral")
        let replica = fleet.nodes[site]!.replica
        let vector = try fleet.hub.vector()
        do {
            _ = try fleet.hub.ingest([set], from: replica, nowMs: fleet.nowMs)
            Issue.record(comment, sourceLocation: sourceLocation)
        } catch {
            #expect(error.kind == kind, comment, sourceLocation: sourceLocation)
        }
        #expect(try fleet.hub.vector() == vector, comment, sourceLocation: sourceLocation)
        #expect(
            try fleet.rows("hub", "SELECT * FROM referral") == before, comment, sourceLocation: sourceLocation
        )
    }

    @Test(
        "a site writes under its own active replica only, in order, and never another content under one dot")
    func dots() throws {
        let fleet = try fleet()
        let snasa = fleet.nodes["snasa"]!.replica
        let verran = fleet.nodes["verran"]!.replica
        let now = fleet.nowMs
        try expectRefused(fleet, forge(verran, nowMs: now), from: "snasa", .refused, "as another replica")
        try expectRefused(
            fleet, forge(fleet.hub.replica, seq: 9, nowMs: now), from: "snasa", .refused, "as the hub")
        try expectRefused(fleet, forge(snasa, seq: 2, nowMs: now), from: "snasa", .missing, "with a gap")
        try expectRefused(
            fleet, forge(snasa, kind: .arbitration, nowMs: now), from: "snasa", .refused, "an arbitration")
        try expectRefused(
            fleet, forge(snasa, kind: .decision, nowMs: now), from: "snasa", .refused, "a decision")
        let first = forge(snasa, nowMs: now)
        #expect(try fleet.hub.ingest([first], from: snasa, nowMs: now) == 1)
        #expect(
            try fleet.hub.ingest([first], from: snasa, nowMs: now) == 0,
            "the same again is known and changes nothing")
        let other = forge(snasa, values: [.text("other")], nowMs: now)
        try expectRefused(fleet, other, from: "snasa", .changed, "another content under a known dot")
        try expectRefused(
            fleet, forge(snasa, seq: 2, nowMs: now), from: "snasa", .changed, "not chained to the one before")
        _ = try fleet.hub.admit(site: "snasa", nowMs: now)
        try expectRefused(
            fleet, forge(snasa, seq: 2, previous: first.header.digest, nowMs: now), from: "snasa", .refused,
            "a retired replica")
    }

    @Test("a site touches replicated tables only, with operations and columns that are its own")
    func tables() throws {
        let fleet = try fleet()
        let snasa = fleet.nodes["snasa"]!.replica
        let forged: [(BlockKind, [Value], [Value], Comment)] = [
            (BlockKind(table: 99, operation: .delete, columns: []), [.integer(1)], [], "an unknown table"),
            (
                BlockKind(table: ConflictTable.conflictNumber, operation: .delete, columns: []),
                [.integer(1)], [],
                "a table of the hub's own"
            ),
            (BlockKind(table: 1, operation: .evicted, columns: []), [.text("r-1")], [], "an eviction"),
            (
                BlockKind(table: 1, operation: .update, columns: [7]), [.text("r-1")], [.null],
                "an unknown column"
            ),
            (
                BlockKind(table: 1, operation: .insert, columns: [0]), [.text("r-9")], [.null],
                "an insert in part"
            ),
            (
                BlockKind(table: 1, operation: .update, columns: []), [.text("r-1")], [],
                "an update of nothing"
            ),
            (
                BlockKind(table: 1, operation: .delete, columns: []), [.text("a"), .text("b")], [],
                "a key of two columns"
            ),
            (
                BlockKind(table: 1, operation: .update, columns: [0], scope: Array("1736".utf8)),
                [.text("r-1")],
                [.text("x")], "a scope label"
            ),
        ]
        for (block, key, values, comment) in forged {
            let set = forge(snasa, block: block, key: key, values: values, nowMs: fleet.nowMs)
            try expectRefused(fleet, set, from: "snasa", .refused, comment)
        }
    }

    @Test("a stamp more than a minute ahead of the hub does not get in, one within it does")
    func stamps() throws {
        let fleet = try fleet()
        let snasa = fleet.nodes["snasa"]!.replica
        let ahead = HybridClock.value(ms: fleet.nowMs + Limits.clockAheadMs + 1)
        try expectRefused(
            fleet, forge(snasa, hlc: ahead, nowMs: fleet.nowMs), from: "snasa", .refused, "61 s ahead")
        let within = HybridClock.value(ms: fleet.nowMs + Limits.clockAheadMs)
        #expect(
            try fleet.hub.ingest(
                [forge(snasa, hlc: within, nowMs: fleet.nowMs)], from: snasa, nowMs: fleet.nowMs) == 1)
    }

    @Test("a forged position or vector clock does not switch the detection of conflicts off")
    func forgedContext() throws {
        let fleet = try fleet()
        let snasa = fleet.nodes["snasa"]!.replica
        let verran = fleet.nodes["verran"]!
        try fleet.write("verran", "UPDATE referral SET status = 'declined' WHERE id = 'r-1'")
        try fleet.push("verran")
        // It claims to have seen all of it; the hub has never sent it that.
        let last = try fleet.hub.lastPosition()
        let forged = forge(
            snasa, position: last + 1000, context: VectorClock([(verran.replica, UInt64(1))]),
            nowMs: fleet.nowMs)
        #expect(try fleet.hub.ingest([forged], from: snasa, nowMs: fleet.nowMs) == 1)
        let conflict = try #require(try fleet.hub.conflicts(includeSettled: false).first)
        #expect(Set(conflict.life.sides.map(\.value)) == [.text("declined"), .text("forged")])
        try expectRefused(
            fleet,
            forge(
                snasa, seq: 2, context: VectorClock([(verran.replica, UInt64(50))]),
                previous: forged.header.digest, nowMs: fleet.nowMs),
            from: "snasa", .missing, "a context that the hub itself lacks")
    }

    @Test("bytes that do not fit their digests, counts or form are refused, and nothing of them is taken")
    func bytes() throws {
        let fleet = try fleet()
        let snasa = fleet.nodes["snasa"]!.replica
        let good = forge(snasa, nowMs: fleet.nowMs)
        var bent = good.segments[0]
        bent[bent.count - 1] ^= 1
        try expectRefused(
            fleet, ChangeSet(header: good.header, segments: [bent]), from: "snasa", .refused,
            "a bit that flipped")
        try expectRefused(
            fleet, ChangeSet(header: good.header, segments: []), from: "snasa", .refused, "a segment less")
        var builder = SegmentBuilder()
        for _ in 0..<2 {
            builder.add(
                BlockKind(table: 1, operation: .update, columns: [0]), key: [.text("r-1")],
                values: [.text("x")])
        }
        builder.close()
        let twice = builder.takeFinished()
        let header = ChangeSetHeader(
            kind: .local, dot: Dot(replica: snasa, seq: 1), hlc: good.header.hlc, position: 0,
            contextDelta: VectorClock(), schemaVersion: 1, rowCount: 2, conflict: 0,
            previous: ChangeSetHeader.firstPrevious, segmentDigests: twice.map { SHA256.digest($0) })
        try expectRefused(
            fleet, ChangeSet(header: header, segments: twice), from: "snasa", .refused, "a row twice")
    }

    @Test("programs cannot write the hub's rows nor Samband's own tables")
    func guards() throws {
        let fleet = try fleet()
        let program = try fleet.program(at: "hub")
        #expect(throws: (any Error).self) { try program.execute("UPDATE referral SET status = 'x'") }
        for site in ["hub", "snasa"] {
            let program = try fleet.program(at: site)
            for sql in [
                "INSERT INTO samband_vector VALUES(7, 7, 7)", "UPDATE samband_meta SET value = 'x'",
                "DELETE FROM samband_vector",
            ] {
                #expect(throws: (any Error).self) { try program.execute(sql) }
            }
        }
    }
}
