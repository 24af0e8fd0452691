import Foundation
import HTTP
import JSONText
import Testing

@testable import HubService
@testable import NodeService

/// What an operator asks of hub and node, over the routes that the command line uses, after two sites have written
/// apart from each other.
@Suite("The operator's day")
struct OperatorDayTests {
    static let schema = """
        CREATE TABLE patient(id TEXT PRIMARY KEY NOT NULL, name TEXT);
        CREATE TABLE referral(
          id TEXT PRIMARY KEY NOT NULL, patient TEXT REFERENCES patient(id), status TEXT NOT NULL DEFAULT 'new',
          low INTEGER NOT NULL DEFAULT 0, high INTEGER NOT NULL DEFAULT 10, CHECK(low < high));
        CREATE TABLE bed_night(
          id TEXT PRIMARY KEY NOT NULL, bed INTEGER NOT NULL UNIQUE, referral TEXT REFERENCES referral(id));
        CREATE TABLE meal(id TEXT PRIMARY KEY NOT NULL, night TEXT NOT NULL REFERENCES bed_night(id));
        INSERT INTO samband_table(name) VALUES('patient'), ('referral'), ('bed_night'), ('meal');
        """

    /// Two sites that have the same rows, then write `snasa` and `verran` off line; snasa is first at the hub, and verran
    /// writes later by the one clock of all. The machine's own would not do: a node takes half of the time that the hub
    /// needs for an answer off, which is anything on a busy machine.
    struct Apart {
        let clock = TestClock(wallMs())
        let fleet: ServiceFleet
        let snasa: NodeService
        let verran: NodeService

        init(
            schema: String = OperatorDayTests.schema, both: String, snasa first: String, verran second: String
        ) async throws {
            fleet = try ServiceFleet(schema, hubNow: clock.now)
            for site in ["snasa", "verran"] { try await fleet.join(site).close() }
            snasa = try fleet.node("snasa", Line(fleet.hub.networkHandler), now: clock.now)
            verran = try fleet.node("verran", Line(fleet.hub.networkHandler), now: clock.now)
            try fleet.write("snasa", both)
            try await meet()
            try fleet.write("snasa", first)
            await snasa.onCommit()
            clock.pass(1_000)
            try fleet.write("verran", second)
            await verran.onCommit()
            try await meet()
        }

        func meet() async throws {
            for node in [snasa, verran, snasa, verran] {
                clock.pass(1_000)
                _ = try await node.syncOnce()
            }
        }

        func get(_ path: String..., query: [QueryItem] = []) async throws -> JSON {
            try await json(fleet.hub.operatorHandler, Request(.get, Target(path: ["v1"] + path, query: query)))
        }

        /// The answer's status and body.
        func post(_ path: [String], _ body: JSON) async throws -> (status: Int, json: JSON) {
            let request = Request(.post, path: ["v1"] + path, body: Body(bytes: try body.bytes()))
            let response = await fleet.hub.operatorHandler.respond(to: request)
            return (response.status.code, try JSON(parsing: try await response.body.collect(limit: 1 << 24)))
        }

        /// The only open conflict of a kind, with everything around it.
        func detail(_ kind: String) async throws -> JSON {
            let list = try await get("conflict", query: [QueryItem("kind", kind)]).array ?? []
            let id = try #require(list.count == 1 ? list.first?["id"]?.integer : nil, "\(kind): \(list)")
            return try await get("conflict", String(id))
        }
    }

    @Test("of two rows that claim one bed: the row in the way, the parents, what waits, and what waits for it")
    func unique() async throws {
        let apart = try await Apart(
            both: "INSERT INTO referral(id) VALUES('r-1')",
            snasa: "INSERT INTO bed_night VALUES('n-1', 3, 'r-1')",
            verran: """
                INSERT INTO bed_night VALUES('n-2', 3, 'r-1');
                INSERT INTO meal VALUES('m-1', 'n-2');
                """)
        let detail = try await apart.detail("unique")
        #expect(detail["standing"]?.array?.first?["row"] == ["id": "n-1", "bed": 3, "referral": "r-1"])
        #expect(detail["parents"]?.array?.first?["key"] == ["id": "r-1"])
        #expect(detail["parents"]?.array?.first?["state"] == "present")
        let held = try #require(try await apart.get("withheld").array)
        let night = try #require(held.first { $0["table"] == "bed_night" }?["id"]?.integer)
        let meal = try #require(held.first { $0["table"] == "meal" }?["id"]?.integer)
        let shown = try await apart.get("withheld", String(night))
        #expect(shown["waiting"]?.array?.map { $0["id"] } == [.integer(meal)])
        #expect(shown["missing"] == [] && shown["standing"]?.array?.count == 1)
        let child = try await apart.get("withheld", String(meal))
        #expect(child["missing"]?.array?.first?["withheld"] == .integer(night))
        #expect(child["missing"]?.array?.first?["state"] == "withheld")
        #expect(child["conflict"]?["id"] == detail["conflict"]?["id"], "a child waits in its parent's conflict")
    }

    @Test("each choice that is offered is one that the hub takes, for each kind of conflict")
    func offered() async throws {
        let apart = try await Apart(
            both: """
                INSERT INTO patient VALUES('p-1', 'a'), ('p-2', 'b');
                INSERT INTO referral(id) VALUES('r-1'), ('r-2'), ('r-3');
                """,
            snasa: """
                UPDATE referral SET status = 'accepted' WHERE id = 'r-1';
                DELETE FROM referral WHERE id = 'r-2';
                UPDATE referral SET low = 8 WHERE id = 'r-3';
                INSERT INTO bed_night VALUES('n-1', 3, NULL);
                INSERT INTO patient VALUES('p-9', 'snasa');
                DELETE FROM patient WHERE id = 'p-1';
                """,
            verran: """
                UPDATE referral SET status = 'declined' WHERE id = 'r-1';
                UPDATE referral SET status = 'closed' WHERE id = 'r-2';
                UPDATE referral SET high = 5 WHERE id = 'r-3';
                INSERT INTO bed_night VALUES('n-2', 3, NULL);
                INSERT INTO patient VALUES('p-9', 'verran');
                INSERT INTO referral(id, patient) VALUES('r-9', 'p-1');
                """)
        let sets: [String: JSON] = [
            "cell": ["status": "closed"], "insert": ["name": "both"], "unique": ["bed": 4], "check": ["high": 20],
        ]
        for kind in ["cell", "insert", "delete_update", "unique", "foreign_key", "check"] {
            let detail = try await apart.detail(kind)
            let id = try #require(detail["conflict"]?["id"]?.integer)
            let choices = try #require(detail["choices"]?.array)
            #expect(choices.count >= 2, "\(kind)")
            if kind == "foreign_key" {
                // Its child is there: it cannot go, so neither a delete nor the side that wanted one is offered.
                #expect(detail["children"] == ["referral"])
                #expect(choices.map { $0["how"] } == ["take", "restore"] && choices[0]["site"] == "verran")
            }
            for choice in choices {
                let how = try #require(choice["how"]?.string)
                let value: JSON = how == "take" ? choice["site"]! : how == "set" ? sets[kind]! : true
                let body: JSON = .object(
                    JSON.Object([(how, value), ("dry_run", true), ("changed", detail["changed"]!)]))
                let answer = try await apart.post(["conflict", String(id), "resolve"], body)
                #expect(answer.status == 200, "\(kind) \(how): \(answer.json)")
            }
            // As it was written it breaks what it broke: it is not offered, and the rule is told.
            let rules = ["unique": "UNIQUE (bed)", "check": "CHECK (low < high)"]
            let refused = detail["refused"]?.array ?? []
            #expect(refused.map { $0["how"] } == (rules[kind] == nil ? [] : ["admit"]), "\(kind): \(refused)")
            if let rule = rules[kind] { #expect(refused[0]["why"]?.string?.contains(rule) == true, "\(refused)") }
        }
    }

    @Test("a parent that came back for a child: the child's side is shown with the child's columns")
    func parent() async throws {
        let apart = try await Apart(
            both: "INSERT INTO patient VALUES('p-1', 'a')", snasa: "DELETE FROM patient",
            verran: "INSERT INTO referral(id, patient) VALUES('r-9', 'p-1')")
        let conflict = try #require(try await apart.detail("foreign_key")["conflict"])
        #expect(conflict["table"] == "patient" && conflict["key"] == ["id": "p-1"])
        let sides = try #require(conflict["sides"]?.array)
        #expect(sides.map { $0["site"] } == ["snasa", "verran"])
        #expect(sides[0]["value"] == .null && sides[0]["table"] == nil)
        #expect(sides[1]["table"] == "referral")
        #expect(
            sides[1]["value"] == ["id": "r-9", "patient": "p-1", "status": "new", "low": 0, "high": 10])
    }

    @Test("the list is cut down by table, site, kind and column, and counted")
    func filters() async throws {
        let apart = try await Apart(
            both: "INSERT INTO referral(id) VALUES('r-1'), ('r-2'); INSERT INTO patient VALUES('p-1', 'a')",
            snasa: "UPDATE referral SET status = 'a'; UPDATE patient SET name = 'x'",
            verran: "UPDATE referral SET status = 'b', high = 7; UPDATE patient SET name = 'y'")
        func count(_ query: [QueryItem]) async throws -> Int? {
            try await apart.get("conflict", query: query).array?.count
        }
        #expect(try await count([]) == 3)
        #expect(try await count([QueryItem("table", "REFERRAL")]) == 2)
        #expect(try await count([QueryItem("site", "verran"), QueryItem("column", "name")]) == 1)
        #expect(try await apart.get("conflict", query: [QueryItem("site", "mosvik")])["status"] == 422)
        #expect(try await count([QueryItem("kind", "insert")]) == 0)
        #expect(try await apart.get("conflict", query: [QueryItem("kind", "x")])["status"] == 400)
        _ = try await apart.post(["conflict", "1", "resolve"], ["take": "snasa", "by": "kari"])
        #expect(try await apart.get("conflict", "count") == ["open": 2, "settled": 1])
        #expect(try await count([QueryItem("all", "true")]) == 3)
        let atNode = try await json(
            apart.verran.operatorHandler,
            Request(.get, Target(path: ["v1", "conflict"], query: [QueryItem("site", "snasa")])))
        #expect(atNode.array?.count == 3)
    }

    @Test("the second operator is told what the first decided, who it was and when; nothing is overwritten")
    func second() async throws {
        let apart = try await Apart(
            both: "INSERT INTO referral(id) VALUES('r-1')", snasa: "UPDATE referral SET status = 'a'",
            verran: "UPDATE referral SET status = 'b'")
        let detail = try await apart.detail("cell")
        let changed = try #require(detail["changed"])
        let first = try await apart.post(
            ["conflict", "1", "resolve"], ["take": "snasa", "by": "kari", "reason": "r-1 is ours", "changed": changed])
        #expect(first.status == 200 && first.json["now"] == "a")
        for body: JSON in [["take": "verran", "by": "ola", "changed": changed], ["take": "verran", "by": "ola"]] {
            let second = try await apart.post(["conflict", "1", "resolve"], body)
            #expect(second.status == 409)
            let words = try #require(second.json["detail"]?.string)
            #expect(words.contains("kari settled it already, at 20") && words.contains("(take)"), "\(words)")
            #expect(!words.contains("ours"), "a reason may speak of a row")
        }
        #expect(try fleetValue(apart, "SELECT status FROM referral") == "a")
        // The same for taking it back.
        let settled = try #require(try await apart.get("conflict", "1")["changed"])
        let undone = try await apart.post(["conflict", "1", "undo"], ["by": "ola", "changed": settled])
        #expect(undone.status == 200 && undone.json["state"] == "open")
        let again = try await apart.post(["conflict", "1", "undo"], ["by": "kari", "changed": settled])
        #expect(again.status == 409)
        let earlier = try #require(try await apart.get("conflict", "1")["earlier"]?.array)
        #expect(earlier.map { $0["how"] } == ["take", "undo"] && earlier.map { $0["by"] } == ["kari", "ola"])
    }

    @Test("explain tells who wrote each value, over what, what lost and who decided; a node as far as its log reaches")
    func explain() async throws {
        let apart = try await Apart(
            both: "INSERT INTO referral(id) VALUES('r-1')",
            snasa: "UPDATE referral SET status = 'accepted', low = 2",
            verran: "UPDATE referral SET status = 'declined', high = 7")
        let body: JSON = ["table": "referral", "key": ["r-1"]]
        let open = try await apart.post(["explain"], body).json
        // Which of the two is newer the machine's clock and the measured offsets say.
        let isVerran = open["row"]?["status"] == "declined"
        #expect(open["row"]?["status"] == (isVerran ? "declined" : "accepted") && open["whole"] == true)
        func column(_ name: String, _ json: JSON) throws -> JSON {
            try #require(json["columns"]?.array?.first { $0["column"]?.string == name })
        }
        let status = try column("status", open)
        #expect(status["written_by"]?["site"] == (isVerran ? "verran" : "snasa"))
        #expect(status["over"] == ["value": isVerran ? "accepted" : "new"])
        #expect(status["conflicts"] == [1])
        #expect(try column("low", open)["written_by"]?["site"] == "snasa")
        #expect(try column("low", open)["over"] == ["value": 0] && column("low", open)["conflicts"] == [])
        #expect(try column("patient", open)["written_by"]?["what"] == "insert")
        #expect(try column("patient", open)["over"] == .null)
        _ = try await apart.post(
            ["conflict", "1", "resolve"], ["take": "snasa", "by": "kari", "reason": "agreed"])
        let settled = try await apart.post(["explain"], body).json
        #expect(try column("status", settled)["written_by"]?["what"] == "decision")
        #expect(try column("status", settled)["over"] == ["value": isVerran ? "declined" : "accepted"])
        #expect(settled["conflicts"]?.array?.first?["decision"]?["by"] == "kari")
        #expect(settled["events"]?.array?.last?["conflict"] == 1)
        try await apart.meet()
        let atNode = try await json(
            apart.verran.operatorHandler, Request(.post, path: ["v1", "explain"], body: Body(bytes: try body.bytes())))
        #expect(try column("status", atNode)["written_by"] == column("status", settled)["written_by"])
        #expect(try column("low", atNode)["written_by"]?["site"] == "snasa")
        let unknown = try await apart.post(["explain"], ["table": "nowhere", "key": [1]])
        #expect(unknown.status == 404)
        let noRow = try await apart.post(["explain"], ["table": "referral", "key": ["r-0"]])
        #expect(noRow.json["row"] == .null && noRow.json["events"] == [] && noRow.status == 200)
    }

    @Test("explain tells of a row that was withheld and let in, and of a delete that did not stand")
    func explainWithheld() async throws {
        let apart = try await Apart(
            both: "INSERT INTO referral(id) VALUES('r-1')",
            snasa: "INSERT INTO bed_night VALUES('n-1', 3, NULL); UPDATE referral SET status = 'a'",
            verran: "INSERT INTO bed_night VALUES('n-2', 3, NULL); DELETE FROM referral")
        func explain(_ table: String, _ key: String) async throws -> JSON {
            try await apart.post(["explain"], ["table": .string(table), "key": [.string(key)]]).json
        }
        let held = try await explain("bed_night", "n-2")
        #expect(held["row"] == .null && held["withheld"]?.array?.count == 1)
        #expect(held["events"]?.array?.first?["outcome"] == "withheld")
        let stands = try await explain("bed_night", "n-1")
        #expect(stands["conflicts"]?.array?.first?["kind"] == "unique", "it is in another's way")
        let kept = try await explain("referral", "r-1")
        let delete = try #require(kept["events"]?.array?.first { $0["what"] == "delete" })
        #expect(delete["outcome"] == "undone" && kept["row"]?["status"] == "a")
        let id = try #require(try await apart.detail("unique")["conflict"]?["id"]?.integer)
        let answer = try await apart.post(["conflict", String(id), "resolve"], ["set": ["bed": 4], "by": "kari"])
        #expect(answer.status == 200, "\(answer.json)")
        let admitted = try await explain("bed_night", "n-2")
        #expect(admitted["row"]?["bed"] == 4 && admitted["withheld"] == [])
        #expect(admitted["events"]?.array?.last?["what"] == "decision")
        #expect(admitted["columns"]?.array?.first?["written_by"]?["what"] == "decision")
    }

    @Test("explain tells of a row that came in by itself when its way was free")
    func explainReleased() async throws {
        let apart = try await Apart(
            both: "SELECT 1", snasa: "INSERT INTO bed_night VALUES('n-1', 3, NULL)",
            verran: "INSERT INTO bed_night VALUES('n-2', 3, NULL)")
        try apart.fleet.write("snasa", "DELETE FROM bed_night")
        try await apart.meet()
        let body: JSON = ["table": "bed_night", "key": ["n-2"]]
        let atHub = try await apart.post(["explain"], body).json
        let atNode = try await json(
            apart.snasa.operatorHandler, Request(.post, path: ["v1", "explain"], body: Body(bytes: try body.bytes())))
        for explained in [atHub, atNode] {
            #expect(explained["events"]?.array?.last?["what"] == "released", "\(explained)")
            #expect(explained["columns"]?.array?.first?["written_by"]?["site"] == "verran")
            #expect(explained["conflicts"]?.array?.first?["decision"]?["how"] == "release")
        }
        let sites = try await apart.get("conflict", "report")["sites"]?.array
        #expect(sites?.map { $0["against"]?["all"] } == [0], "a release is against nobody: \(sites ?? [])")
    }

    @Test("the report counts for and against each site, by hand and by a site's own write, and what is open")
    func report() async throws {
        let apart = try await Apart(
            both: "INSERT INTO referral(id) VALUES('r-1'), ('r-2'), ('r-3'), ('r-4'), ('r-5')",
            snasa: "UPDATE referral SET status = 's' || id; INSERT INTO bed_night VALUES('n-1', 3, NULL)",
            verran: "UPDATE referral SET status = 'v' || id; INSERT INTO bed_night VALUES('n-2', 3, NULL)")
        let list = try #require(try await apart.get("conflict").array)
        let cells = list.filter { $0["kind"] == "cell" }.compactMap { $0["id"]?.integer }
        for (id, site) in zip(cells, ["snasa", "snasa", "verran"]) {
            _ = try await apart.post(["conflict", String(id), "resolve"], ["take": .string(site), "by": "kari"])
        }
        let unique = try #require(list.first { $0["kind"] == "unique" }?["id"]?.integer)
        _ = try await apart.post(["conflict", String(unique), "resolve"], ["take": "verran", "by": "kari"])
        try await apart.meet()
        // verran has seen the fourth dispute and comes round to what snasa wrote.
        let key = try #require(list.first { $0["id"]?.integer == cells[3] }?["key"]?["id"]?.string)
        try apart.fleet.write("verran", "UPDATE referral SET status = 's\(key)' WHERE id = '\(key)'")
        try await apart.meet()
        let report = try await apart.get("conflict", "report")
        #expect(report["settled"] == 5 && report["open"] == 1, "\(report)")
        let sites = try #require(report["sites"]?.array)
        #expect(sites.map { $0["site"] } == ["snasa", "verran"])
        #expect(sites[0]["for"] == ["policy": 0, "person": 2, "write": 1, "all": 3])
        #expect(sites[0]["against"] == ["policy": 0, "person": 2, "write": 0, "all": 2])
        #expect(sites[1]["for"] == ["policy": 0, "person": 2, "write": 0, "all": 2])
        #expect(sites[1]["against"] == ["policy": 0, "person": 2, "write": 1, "all": 3])
        #expect(sites.map { $0["open"] } == [1, 1])
        #expect(report["tilt"] == .null, "five decisions tell nothing")
        let later = try await apart.get("conflict", "report", query: [QueryItem("since", "4000000000")])
        #expect(later["settled"] == 0 && later["open"] == 1)
        let atNode = try await json(
            apart.snasa.operatorHandler, Request(.get, path: ["v1", "conflict", "report"]))
        #expect(atNode["sites"] == report["sites"])
    }

    @Test("what a policy decided is told with its name, and counted for the side whose value it chose")
    func policy() async throws {
        let apart = try await Apart(
            schema: """
                CREATE TABLE bed(id TEXT PRIMARY KEY NOT NULL, taken INTEGER NOT NULL, note TEXT);
                INSERT INTO samband_table(name) VALUES('bed');
                INSERT INTO samband_policy(table_name, column_name, policy)
                  VALUES('bed', 'taken', 'max'), ('bed', 'note', 'newest');
                """, both: "INSERT INTO bed VALUES('b', 1, 'x')",
            snasa: "UPDATE bed SET taken = 7, note = 's'", verran: "UPDATE bed SET taken = 5, note = 'v'")
        #expect(try apart.fleet.value("hub", "SELECT taken || note FROM bed") == "7v")
        let all = try #require(try await apart.get("conflict", query: [QueryItem("all", "true")]).array)
        #expect(all.map { $0["decision"]?["by"] } == ["policy", "policy"])
        #expect(all.map { $0["decision"]?["how"] } == ["max", "newest"])
        // A later write does not change who was decided for.
        try apart.fleet.write("verran", "UPDATE bed SET taken = 5")
        try await apart.meet()
        let sites = try #require(try await apart.get("conflict", "report")["sites"]?.array)
        #expect(sites.map { $0["for"]?["policy"] } == [1, 1], "\(sites)")
        #expect(sites.map { $0["against"]?["policy"] } == [1, 1])
        let explained = try await apart.post(["explain"], ["table": "bed", "key": ["b"]]).json
        let columns = try #require(explained["columns"]?.array)
        #expect(columns[0]["written_by"]?["what"] == "update" && columns[0]["over"] == ["value": 7])
        #expect(explained["events"]?.array?.contains { $0["what"] == "policy" } == true, "\(explained)")
    }

    @Test("a tilt towards one site shows when chance would hardly bring it about")
    func tilt() async throws {
        let keys = (1...12).map { "('r-\($0)')" }.joined(separator: ", ")
        let apart = try await Apart(
            both: "INSERT INTO referral(id) VALUES\(keys)", snasa: "UPDATE referral SET status = 's'",
            verran: "UPDATE referral SET status = 'v'")
        for (place, conflict) in (try await apart.get("conflict").array ?? []).enumerated() {
            let id = try #require(conflict["id"]?.integer)
            let site: JSON = place < 10 ? "snasa" : "verran"
            _ = try await apart.post(["conflict", String(id), "resolve"], ["take": site, "by": "kari"])
        }
        let tilt = try #require(try await apart.get("conflict", "report")["tilt"])
        #expect(tilt["of"] == 12)
        #expect(
            (tilt["site"] == "snasa" && tilt["towards"] == true && tilt["for"] == 10)
                || (tilt["site"] == "verran" && tilt["towards"] == false && tilt["for"] == 2), "\(tilt)")
    }

    @Test("what is decided at the hub is refused at a node, and says where to go")
    func atNode() async throws {
        let fleet = try ServiceFleet(Self.schema)
        let snasa = try await fleet.join("snasa")
        for path in [
            ["conflict", "1", "resolve"], ["conflict", "1", "undo"], ["record", "merge"], ["record", "unmerge"],
        ] {
            let problem = try await json(
                snasa.operatorHandler, Request(.post, path: ["v1"] + path, body: Body(text: "{}")))
            #expect(problem["status"] == 422 && problem["title"] == "This is done at the hub", "\(path)")
        }
    }

    private func fleetValue(_ apart: Apart, _ sql: String) throws -> String? { try apart.fleet.value("hub", sql) }
}
