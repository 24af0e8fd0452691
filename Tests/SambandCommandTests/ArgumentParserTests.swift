import Testing

@testable import SambandCommand

@Suite("Words of a command line")
struct ArgumentParserTests {
    static func parse(
        _ words: [String], _ environment: [String: String] = [:]
    ) throws(CommandError) -> Invocation? {
        let parser = ArgumentParser(catalogue: .standard, environment: environment)
        if case .run(let invocation) = try parser.parse(words) { return invocation }
        return nil
    }

    static func refusal(_ words: [String]) -> CommandError? {
        do {
            _ = try parse(words)
            return nil
        } catch {
            return error
        }
    }

    @Test(
        "options may stand before, between and behind the words, with = or a blank",
        arguments: [
            ["conflict", "show", "17", "--db", "f.db", "--json"],
            ["--db=f.db", "--json", "conflict", "show", "17"],
            ["conflict", "--json", "show", "--db", "f.db", "17"],
            ["conflict", "show", "--json", "--db=f.db", "--", "17"],
        ])
    func order(_ words: [String]) throws {
        let invocation = try #require(try ArgumentParserTests.parse(words))
        #expect(invocation.verb.name == "conflict show")
        #expect(invocation.argument("ID") == "17")
        #expect(invocation.value(.database) == "f.db")
        #expect(invocation.flag(.json))
    }

    @Test("a value may hold = and be empty, begin with a hyphen behind =, and be a hyphen alone")
    func values() throws {
        let set = try #require(Verb.conflictResolve.option("set"))
        let reason = try #require(Verb.conflictResolve.option("reason"))
        let invocation = try #require(
            try ArgumentParserTests.parse(
                ["conflict", "resolve", "1", "--set", "a=b=c", "--set=d=", "--reason=--why"]))
        #expect(invocation.values(set) == ["a=b=c", "d="])
        #expect(invocation.value(reason) == "--why")
        let joining = try #require(try ArgumentParserTests.parse(["node", "join", "--token-file", "-"]))
        #expect(joining.value(.tokenFile) == "-")
    }

    @Test("a negative number is a key and no option", arguments: ["-1", "-1.5", "-.5"])
    func negativeKey(_ key: String) throws {
        #expect(try ArgumentParserTests.parse(["history", "t", key])?.argument("KEY") == key)
    }

    @Test("behind -- nothing is an option")
    func doubleHyphen() throws {
        #expect(try ArgumentParserTests.parse(["history", "t", "--", "--json"])?.argument("KEY") == "--json")
    }

    @Test("variables stand in for options, and the command line goes before them")
    func environment() throws {
        let variables = ["SAMBAND_DB": "env.db", "SAMBAND_TOKEN_FILE": "t"]
        let plain = try #require(try ArgumentParserTests.parse(["status"], variables))
        #expect(plain.value(.database) == "env.db")
        let named = try #require(try ArgumentParserTests.parse(["status", "--db", "x.db"], variables))
        #expect(named.value(.database) == "x.db")
        let afar = try #require(try ArgumentParserTests.parse(["status", "--hub", "http://h"], variables))
        #expect(try Place(afar) == .hub(url: "http://h", tokenFile: "t"))
        let local = try #require(
            try ArgumentParserTests.parse(["status", "--db", "x.db"], ["SAMBAND_HUB": "http://h"]))
        #expect(try Place(local) == .database("x.db"))
    }

    @Test("two places, or none, are refused")
    func places() throws {
        let none = try #require(try ArgumentParserTests.parse(["status"]))
        #expect(throws: CommandError.self) { try Place(none) }
        let both = try #require(
            try ArgumentParserTests.parse(["status"], ["SAMBAND_DB": "f", "SAMBAND_HUB": "http://h"]))
        #expect(throws: CommandError.self) { try Place(both) }
    }

    @Test(
        "what is not understood is refused, with what was probably meant",
        arguments: [
            (["histroy"], "there is no verb histroy", "Did you mean: samband history"),
            (["conflict", "lst"], "there is no verb conflict lst", "Did you mean: samband conflict list"),
            (["frobnicate"], "there is no verb frobnicate", "See: samband help"),
            (["status", "--jsn"], "samband status has no option --jsn", "Did you mean --json?"),
            (["status", "-x"], "samband status has no option -x", "See: samband help status"),
            (["status", "--json=1"], "--json takes no value", "Leave out 1."),
            (["status", "--json", "--json"], "--json is given twice", "Give it once."),
            (
                ["status", "extra"], "status does not know what to do with extra",
                "Text with blanks goes in quotes. See: samband help status"
            ),
            (
                ["conflict", "show"], "conflict show needs ID, the number in: samband conflict list",
                "See: samband help conflict show"
            ),
            (
                ["log", "--limit"], "--limit needs a value",
                "Write --limit N, or --limit=… for a value that begins with --."
            ),
            (
                ["log", "--limit", "--json"], "--limit needs a value",
                "Write --limit N, or --limit=… for a value that begins with --."
            ),
            (
                ["verify"], "verify is not in this version yet",
                "It will compare the content with the hub's. See: samband help"
            ),
            (
                ["site", "expire", "x"], "site expire is not in this version yet",
                "It will give up waiting for a site that holds the frontier back. See: samband help"
            ),
            (
                ["site", "add", "x", "--scope", "a"], "--scope is not in this version yet",
                "Scopes come with a later version: until then every site holds every replicated row."
            ),
            (["--watch", "status"], "samband has no option --watch", "See: samband help"),
            ([], "samband needs a verb", "See: samband help"),
        ])
    func refusals(_ words: [String], _ why: String, _ hint: String) throws {
        let refusal = try #require(ArgumentParserTests.refusal(words))
        #expect(refusal.why == why)
        #expect(refusal.hint == hint)
        #expect(refusal.code == .usage)
    }

    @Test("--help anywhere explains instead of running, also where words are missing")
    func help() throws {
        for words in [
            ["conflict", "show", "--help"], ["--help", "conflict", "show"], ["conflict", "-h", "show"],
        ] {
            let outcome = try ArgumentParser(catalogue: .standard, environment: [:]).parse(words)
            guard case .help(let about) = outcome else {
                Issue.record("\(words) gives no help")
                continue
            }
            #expect(about == ["conflict", "show"])
        }
    }

    @Test("every verb of the contract is known, and each is either here or said to come later")
    func contract() {
        let here = Catalogue.standard.verbs.map(\.name)
        let later = Catalogue.standard.later.map(\.name)
        #expect(Set(here).intersection(later).isEmpty)
        let contract = [
            "hub init", "hub serve", "site add", "site list", "site pause", "site resume", "site retire",
            "site merge",
            "site expire", "operator add", "operator list", "operator revoke", "grant add", "grant remove",
            "grant list",
            "grant preview", "policy list", "policy set", "schema plan", "schema apply", "schema status",
            "frontier",
            "backup", "recover status", "recover accept", "recover begin", "audit list", "audit verify", "audit export",
            "audit keep", "site quarantine", "node rotate", "node join",
            "node serve", "node leave", "sync", "verify", "export", "import", "status", "conflict list",
            "conflict show", "conflict undo", "conflict report", "conflict resolve", "withheld list",
            "withheld show",
            "log", "history", "explain", "doctor", "inspect", "compact", "version", "help", "record merge",
            "record unmerge", "record list",
        ]
        #expect(Set(contract) == Set(here + later))
    }
}
