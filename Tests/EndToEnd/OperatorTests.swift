import Foundation
import HTTP
import JSONText
import Testing

extension RealProcesses {
    @Suite("Operators from their own desks", .serialized)
    struct OperatorTests {
        @Test("an operator reads and settles from afar what is on the hub's file, in the same words")
        func day() async throws {
            let fleet = try await RealFleet(schema: Schemas.referrals, sites: ["snasa", "verran"])
            try await fleet.dispute()
            let kari = try await fleet.operatorToken("kari")
            // When a site was last heard may change between two looks at the status.
            try await until("the status is the same from afar") {
                try await fleet.must("status", "--db", fleet.database("hub"))
                    == fleet.fromAfar(kari, ["status"]).output
            }
            for words in [
                ["conflict", "list"],
                ["conflict", "list", "--all"], ["conflict", "show", "1"],
                ["conflict", "report"], ["withheld", "list"], ["log", "--limit", "5"],
                ["history", "referral", "'r-1'"], ["explain", "referral", "'r-1'"],
            ] {
                for form in [[], ["--json"]] {
                    let near = try await fleet.run(
                        Programs.samband, words + form + ["--db", fleet.database("hub")])
                    let far = try await fleet.fromAfar(kari, words + form)
                    #expect(near.status == 0 && far.status == 0, "\(near) \(far)")
                    #expect(far.output == near.output, "\(words + form)")
                    #expect(far.errors == near.errors)
                }
            }
            let settled = try await fleet.fromAfar(
                kari,
                [
                    "conflict", "resolve", "1", "--take", "verran", "--by", "somebody else", "--changed",
                    try await fleet.changed(),
                ])
            #expect(settled.status == 0, "\(settled)")
            #expect(settled.output.contains("declined"))

            // The second operator looked at the same moment, and is told.
            let ola = try await fleet.operatorToken("ola")
            let late = try await fleet.fromAfar(ola, ["conflict", "resolve", "1", "--take", "snasa"])
            #expect(late.status == 1, "\(late)")
            #expect(late.errors.contains("kari settled it already"), "\(late)")
            try await fleet.untilMet()
            for name in fleet.everyone {
                #expect(try await fleet.write(name, "SELECT status FROM referral") == "declined\n")
                let decision = try await fleet.json(name, "conflict", "show", "1")["conflict"]?["decision"]
                #expect(decision?["by"] == "kari", "who decides is whose token it is")
            }
        }

        @Test("a token opens what its role may do; taken back, it opens nothing at once; never shown anywhere")
        func roles() async throws {
            let fleet = try await RealFleet(schema: Schemas.referrals, sites: ["snasa"])
            let viewer = try await fleet.operatorToken("eva", role: "viewer")
            let admin = try await fleet.operatorToken("kari", role: "admin")
            #expect(try await fleet.fromAfar(viewer, ["status"]).status == 0)
            let refused = try await fleet.fromAfar(viewer, ["conflict", "list"])
            #expect(refused.status == 77 && refused.output == "", "\(refused)")
            #expect(
                refused.errors == """
                    error: cannot list the conflicts (\(fleet.address)): Operator eva has the role viewer; this takes \
                    the role operator, admin
                    hint: Ask an administrator to do it, or for a token with that role.

                    """)
            // An administrator gives and takes from afar as well, the token through standard input.
            let given = try await fleet.run(
                Programs.samband,
                ["operator", "add", "per", "--hub", fleet.address, "--token-file", "-"],
                input: String(contentsOfFile: admin, encoding: .utf8))
            #expect(given.status == 0, "\(given)")
            #expect(given.output.wholeMatch(of: /[A-Za-z0-9_\-]{43}\n/) != nil)
            let per = fleet.folder.file("per.token")
            try given.output.write(toFile: per, atomically: false, encoding: .utf8)
            #expect(try await fleet.fromAfar(per, ["conflict", "list"]).output == "no open conflicts\n")
            #expect(try await fleet.fromAfar(admin, ["operator", "revoke", "per"]).status == 0)
            let dead = try await fleet.fromAfar(per, ["conflict", "list"])
            #expect(dead.status == 77, "\(dead)")
            #expect(dead.errors.contains("The token of operator per was revoked"), "\(dead)")
            let list = try await fleet.fromAfar(admin, ["operator", "list"])
            #expect(list.output.contains("revoked") && list.output.contains("kari"), "\(list)")

            // A site's secret opens no operator's route.
            let asSite = try await fleet.fromAfar(fleet.database("snasa") + "-samband.secrets/token", ["status"])
            #expect(asSite.status == 77, "\(asSite)")
            #expect(asSite.errors.contains("The credential is a site's"), "\(asSite)")
            for file in [viewer, admin, per] {
                let token = try String(contentsOfFile: file, encoding: .utf8).trimmingCharacters(in: .newlines)
                for answer in [refused, dead, list, asSite] {
                    #expect(!answer.output.contains(token) && !answer.errors.contains(token))
                }
                #expect(!fleet.notes("hub").contains(token))
            }
        }
    }
}

extension RealFleet {
    /// Two sites off line write one cell: conflict 1, about the status of referral r-1.
    fileprivate func dispute() async throws {
        try await write("snasa", "INSERT INTO referral(id, status) VALUES('r-1', 'new')")
        try await untilMet()
        for site in sites { try kill(site) }
        try await write("snasa", "UPDATE referral SET status = 'accepted'")
        try await write("verran", "UPDATE referral SET status = 'declined'")
        for site in sites { try await start(site) }
        try await untilMet()
    }

    /// What `conflict resolve` takes behind --changed.
    fileprivate func changed() async throws -> String {
        String(try await json(Self.hub, "conflict", "show", "1")["changed"]?.integer ?? 0)
    }

    /// - Returns: the path of a file with the person's token.
    func operatorToken(_ name: String, role: String = "operator") async throws -> String {
        let token = try await must("operator", "add", name, "--role", role, "--db", database(Self.hub))
        let file = folder.file(name + ".token")
        try token.write(toFile: file, atomically: false, encoding: .utf8)
        return file
    }

    func fromAfar(_ token: String, _ words: [String]) async throws -> Answer {
        try await run(Programs.samband, words + ["--hub", address, "--token-file", token])
    }
}
