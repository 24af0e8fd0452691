import HTTP
import JSONText
import Testing

@testable import HubService

@Suite("What is named that is not there, and what is asked for that is over")
struct NamedWronglyTests {
    private func apart() async throws -> OperatorDayTests.Apart {
        try await OperatorDayTests.Apart(
            both: """
                INSERT INTO referral(id) VALUES('r-1'), ('r-2');
                INSERT INTO patient VALUES('p-1', 'Ola'), ('p-2', 'Ola N.');
                """,
            snasa:
                "UPDATE referral SET status = 'accepted' WHERE id = 'r-1'; INSERT INTO bed_night VALUES('n-1', 7, NULL)",
            verran:
                "UPDATE referral SET status = 'declined' WHERE id = 'r-1'; INSERT INTO bed_night VALUES('n-2', 7, NULL)"
        )
    }

    @Test(
        "a filter with an unknown name is refused, with the nearest known one: it does not read as \"none is open\"",
        arguments: [
            ("table", "refferal", "there is no replicated table refferal", "Did you mean referral?"),
            (
                "table", "samband_site", "there is no replicated table samband_site",
                "bed_night, meal, patient, referral"
            ),
            ("site", "snasaa", "there is no site snasaa", "Did you mean snasa?"),
            ("site", "nosuch", "there is no site nosuch", "hub, snasa, verran"),
            ("column", "statuss", "no replicated table has a column statuss", "Did you mean status?"),
        ])
    func unknown(_ name: String, _ value: String, _ why: String, _ next: String) async throws {
        let apart = try await apart()
        for handler in [apart.fleet.hub.operatorHandler, apart.snasa.operatorHandler] {
            let answer = try await json(
                handler, Request(.get, Target(path: ["v1", "conflict"], query: [QueryItem(name, value)])))
            #expect(
                answer["status"] == 422 && answer["type"]?.string?.hasSuffix("/misused") == true,
                "\(answer)")
            #expect(answer["detail"]?.string?.contains(why) == true, "\(answer)")
            #expect(answer["next"]?.string?.contains(next) == true, "\(answer)")
        }
    }

    @Test(
        "so does the audit",
        arguments: [("what", "read.conflict", 200), ("what", "raed", 422), ("who", "site:snassa", 422)])
    func audit(_ name: String, _ value: String, _ status: Int) async throws {
        let apart = try await apart()
        let answer = await apart.fleet.hub.operatorHandler.respond(
            to: Request(.get, Target(path: ["v1", "audit"], query: [QueryItem(name, value)])))
        #expect(answer.status.code == status)
        guard status == 422 else { return }
        let problem = try JSON(parsing: try await answer.body.collect(limit: 1 << 20))
        #expect(problem["next"]?.string == "Did you mean \(name == "what" ? "read" : "site:snasa")?", "\(problem)")
    }

    @Test("names that are there find what is there, however their letters are written")
    func known() async throws {
        let apart = try await apart()
        for (name, value, count) in [
            ("table", "Referral", 1), ("table", "patient", 0), ("site", "snasa", 2), ("site", "hub", 0),
            ("column", "STATUS", 1),
        ] {
            #expect(
                try await apart.get("conflict", query: [QueryItem(name, value)]).array?.count == count,
                "\(name) \(value)")
        }
    }

    @Test("a column of another table is none of the one that is named")
    func columnOfAnother() async throws {
        let query = [QueryItem("table", "bed_night"), QueryItem("column", "status")]
        let answer = try await apart().get("conflict", query: query)
        #expect(
            answer["detail"]?.string?.contains("table bed_night has no column status") == true,
            "\(answer)")
    }

    @Test(
        "what is withheld no more is listed with all; records that were joined with what takes them apart"
    )
    func over() async throws {
        let apart = try await apart()
        let clash = try await apart.detail("unique")
        let id = clash["conflict"]?["id"]?.integer ?? 0
        #expect(try await apart.get("withheld").array?.count == 1)
        #expect(
            try await apart.post(["conflict", "\(id)", "resolve"], ["discard": true]).status == 200)
        #expect(try await apart.get("withheld") == [])
        let all = try await apart.get("withheld", query: [QueryItem("all", "true")])
        #expect(all.array?.map { $0["state"] } == ["discarded"], "\(all)")

        #expect(try await apart.get("record") == [])
        let merge: JSON = [
            "table": "patient", "key": ["p-2"], "into": ["p-1"], "reason": "twice", "by": "kari",
        ]
        let merged = try await apart.post(["record", "merge"], merge)
        try await apart.meet()
        for handler in [apart.fleet.hub.operatorHandler, apart.verran.operatorHandler] {
            let list = try await json(handler, Request(.get, path: ["v1", "record"])).array ?? []
            #expect(
                list.count == 1 && list[0]["id"] == merged.json["id"] && list[0]["unmerged"] == .null,
                "\(list)")
            #expect(list[0]["key"] == ["id": "p-2"] && list[0]["into"] == ["id": "p-1"])
            #expect(list[0]["merged"]?["by"] == "kari" && list[0]["merged"]?["reason"] == "twice")
        }
        #expect(
            try await apart.post(["record", "unmerge"], ["id": merged.json["id"]!, "by": "per"]).status
                == 200)
        #expect(try await apart.get("record").array?[0]["unmerged"]?["by"] == "per")
    }
}
