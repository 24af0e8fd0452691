import Auditing
import Foundation
import HTTP
import JSONText
import SQLite
import Testing

@testable import HubDatabase
@testable import HubService
@testable import NodeService
@testable import Presentation

@Suite("Who may do what at the hub, from afar")
struct AccessTests {
    /// Whoever asks, in the order of the columns below.
    enum Caller: String, CaseIterable {
        case nobody, wrongToken, revoked, site, wrongSite, paused, retired, viewer, `operator`, admin, auditor

        static let operators: [Caller] = [.viewer, .operator, .admin, .auditor, .revoked]
    }

    /// What each is answered, as the table of routes says who may use one: + is let in, 1 is told 401, 3 is told 403.
    /// nobody, a wrong token, a revoked one; a site's secret, another site's that acts as the first, a paused site's, a
    /// retired one's; viewer, operator, admin, auditor
    static func outcomes(_ access: Access) -> String {
        switch access {
        case .anyone: "+++" + "++++" + "++++"
        case .site: "113" + "+133" + "3333"
        case .siteOrRetired: "113" + "+13+" + "3333"
        case .ownMachine: "333" + "3333" + "3333"
        case .operators(let roles):
            "111" + "3333" + [Role.viewer, .operator, .admin, .auditor].map { roles.contains($0) ? "+" : "3" }.joined()
        }
    }

    /// What each of them shows: a token, and the replica as which it acts.
    struct Shown {
        var tokens: [Caller: String] = [:]
        var acting: [Caller: UInt32] = [:]
    }

    /// A hub with sites in every state and an operator of every role; what each shows.
    private static func fleet() async throws -> (ServiceFleet, NodeService, [Caller: String]) {
        let (fleet, snasa, shown) = try await wholeFleet()
        return (fleet, snasa, shown.tokens)
    }

    private static func wholeFleet() async throws -> (ServiceFleet, NodeService, Shown) {
        let fleet = try ServiceFleet(ExchangeTests.schema)
        let snasa = try await fleet.join("snasa")
        var shown = Shown(tokens: [.wrongToken: "made-up", .site: await snasa.secret])
        shown.tokens[.wrongSite] = await (try await fleet.join("mosvik")).secret
        shown.acting[.wrongSite] = try await fleet.hub.replicaOf("snasa")
        for (site, caller, step) in [("inderoy", Caller.paused, "pause"), ("leksvik", .retired, "retire")] {
            shown.tokens[caller] = await (try await fleet.join(site)).secret
            _ = try await json(fleet.hub.operatorHandler, post("/v1/site/\(site)/\(step)"))
        }
        for role in Caller.operators {
            shown.tokens[role] = try await fleet.operatorToken(
                role.rawValue, role: role == .revoked ? "admin" : role.rawValue)
        }
        _ = try await json(fleet.hub.operatorHandler, post("/v1/operator/revoked/revoke"))
        return (fleet, snasa, shown)
    }

    static func post(_ path: String, _ body: String = "{}", token: String? = nil) -> Request {
        request(.post, path, body, token: token)
    }

    static func request(
        _ method: Method, _ path: String, _ body: String = "{}", token: String? = nil, acting: UInt32? = nil
    ) -> Request {
        var request = Request(
            method, path: path.split(separator: "/").map(String.init),
            body: method == .post ? Body(text: body) : .empty)
        if let token { request.headers.set("authorization", FieldValue("Bearer " + token)!) }
        if let acting { request.headers.set("samband-replica", FieldValue("\(acting)")!) }
        return request
    }

    @Test("every route of the hub lets in exactly whom its row of the table names")
    func everyRoute() async throws {
        let (fleet, _, shown) = try await Self.wholeFleet()
        let routes = fleet.hub.networkRouter.routes
        #expect(Set(HubService.routes.map(\.route)) == Set(routes), "a row is for a route, and each route has one")
        for route in routes {
            var outcomes = ""
            for caller in Caller.allCases {
                let path = route.pattern.replacing("{id}", with: "99").replacing("{name}", with: "none")
                let response = await fleet.hub.networkHandler.respond(
                    to: Self.request(
                        route.method, path, token: shown.tokens[caller], acting: shown.acting[caller]))
                switch response.status {
                case .unauthorized:
                    #expect(response.headers["www-authenticate"] == "Bearer")
                    outcomes += "1"
                case .forbidden: outcomes += "3"
                default: outcomes += "+"
                }
                if response.headers["content-type"] == "application/problem+json" {
                    let text = String(decoding: try await response.body.collect(limit: 1 << 16), as: UTF8.self)
                    for secret in shown.tokens.values { #expect(!text.contains(secret)) }
                }
            }
            let wanted = HubService.routeTable[route].map { Self.outcomes($0.access) }
            #expect(outcomes == wanted, "\(route): \(Caller.allCases.map(\.rawValue))")
        }
    }

    @Test("a route without a row in the table is open to nobody from afar, not even to an admin")
    func unlisted() async throws {
        let (fleet, _, tokens) = try await Self.fleet()
        for caller in Caller.allCases {
            let request = Self.request(.get, "/v1/new", token: tokens[caller])
            await #expect(throws: Problem.self) { try await fleet.hub.admit(request, to: Route(.get, "/v1/new")) }
        }
    }

    @Test("HEAD is let in where GET is, and nowhere else")
    func head() async throws {
        let (fleet, _, tokens) = try await Self.fleet()
        for (caller, wanted) in [(Caller.nobody, Status.unauthorized), (.viewer, .forbidden), (.operator, .ok)] {
            let response = await fleet.hub.networkHandler.respond(
                to: Self.request(.head, "/v1/conflict", token: tokens[caller]))
            #expect(response.status == wanted, "\(caller)")
        }
    }

    @Test("the control socket of the hub's machine needs no token for what operators do, and has nothing for sites")
    func controlSocket() async throws {
        let (fleet, _, _) = try await Self.fleet()
        for served in HubService.routes {
            let route = served.route
            let path = route.pattern.replacing("{id}", with: "99").replacing("{name}", with: "none")
            let response = await fleet.hub.operatorHandler.respond(to: Self.request(route.method, path))
            #expect(response.status != .unauthorized && response.status != .forbidden, "\(route)")
            if !served.access.isForOperators { #expect(response.status == .notFound, "\(route)") }
        }
    }

    @Test("a refusal says in words what is wrong with the credential, and never shows it")
    func words() async throws {
        let (fleet, _, tokens) = try await Self.fleet()
        func detail(_ caller: Caller, _ path: String) async throws -> String {
            let response = await fleet.hub.networkHandler.respond(to: Self.request(.get, path, token: tokens[caller]))
            return try JSON(parsing: try await response.body.collect(limit: 1 << 16))["detail"]?.string ?? ""
        }
        #expect(try await detail(.nobody, "/v1/conflict") == "The request shows no operator's token.")
        #expect(try await detail(.wrongToken, "/v1/conflict") == "The token is no operator's.")
        #expect(try await detail(.revoked, "/v1/conflict") == "The token of operator revoked was revoked.")
        #expect(
            try await detail(.viewer, "/v1/conflict")
                == "Operator viewer has the role viewer; this takes the role operator, admin.")
        #expect(
            try await detail(.site, "/v1/conflict") == "The credential is a site's, and this is for operators.")
        #expect(
            try await detail(.operator, "/v1/snapshot") == "The token is an operator's, and this is for sites.")
    }

    @Test("a decision from afar is signed with the name behind the token, whatever the request says")
    func signed() async throws {
        let (fleet, snasa, tokens) = try await Self.fleet()
        try await fleet.dispute(with: snasa)
        let settled = try await json(
            fleet.hub.networkHandler,
            Self.post("/v1/conflict/1/resolve", #"{"take":"snasa","by":"mayor"}"#, token: tokens[.operator]))
        #expect(settled["decision"]?["by"] == "operator")
        let open = try await json(
            fleet.hub.networkHandler,
            Self.post("/v1/conflict/1/undo", #"{"by":"mayor"}"#, token: tokens[.admin]))
        #expect(open["state"] == "open")
        #expect(try await fleet.hub.earlierDecisions(of: 1) == ["operator take", "admin undo"])
        let added = try await json(
            fleet.hub.networkHandler,
            Self.post("/v1/operator", #"{"name":"kari","by":"mayor"}"#, token: tokens[.admin]))
        #expect(added["role"] == "operator")
        // On the hub's own machine a person says who it is.
        _ = try await json(fleet.hub.operatorHandler, Self.post("/v1/operator", #"{"name":"ola","by":"mayor"}"#))
        let list = try await json(fleet.hub.operatorHandler, Self.request(.get, "/v1/operator"))
        #expect(list.array?.first { $0["name"] == "ola" }?["added_by"] == "mayor")
        let kari = list.array?.first { $0["name"] == "kari" }
        #expect(kari?["added_by"] == "admin" && kari?["state"] == "active" && kari?["last_used"] == .null)
        #expect(list.array?.first { $0["name"] == "admin" }?["last_used"]?.string != nil)
    }

    @Test("a name is given once; when its token is revoked, a new one may be given and the old one stays dead")
    func again() async throws {
        let (fleet, _, _) = try await Self.fleet()
        let first = try await fleet.operatorToken("ola", role: "viewer")
        func status(_ token: String) async -> Status {
            await fleet.hub.networkHandler.respond(to: Self.request(.get, "/v1/status", token: token)).status
        }
        let twice = await fleet.hub.operatorHandler.respond(to: Self.post("/v1/operator", #"{"name":"ola"}"#))
        #expect(twice.status == .unprocessableContent)
        #expect(await status(first) == .ok)
        for _ in 0..<2 { _ = try await json(fleet.hub.operatorHandler, Self.post("/v1/operator/ola/revoke")) }
        #expect(await status(first) == .unauthorized)
        let second = try await fleet.operatorToken("ola", role: "viewer")
        #expect(await status(second) == .ok)
        #expect(await status(first) == .unauthorized)
    }

    @Test(
        "a name that is none, or would read as a policy's decision, and a role that is none are refused",
        arguments: [
            #"{"name":"policy"}"#, #"{"name":""}"#, #"{"name":"Kari"}"#, #"{"name":"-x"}"#, #"{"name":"a b"}"#,
            #"{"name":"a\u001b"}"#, #"{"name":"kari","role":"root"}"#, "{}",
        ])
    func refusedNames(_ body: String) async throws {
        let fleet = try ServiceFleet(ExchangeTests.schema)
        let response = await fleet.hub.operatorHandler.respond(to: Self.post("/v1/operator", body))
        #expect([.badRequest, .unprocessableContent].contains(response.status))
        #expect(try fleet.value("hub", "SELECT count(*) FROM samband_operator") == "0")
    }

    @Test("the hub keeps no token, and a node's copy of the database has nothing of its operators")
    func copies() async throws {
        let (fleet, _, tokens) = try await Self.fleet()
        _ = try await fleet.join("verran")
        #expect(try fleet.value("hub", "SELECT count(*) FROM samband_operator") == "5")
        let digest = try #require(try fleet.value("hub", "SELECT hex(token_digest) FROM samband_operator"))
        var bytes = Data()
        for end in ["", "-wal"] {
            bytes += (try? Data(contentsOf: URL(fileURLWithPath: fleet.path("hub") + end))) ?? Data()
        }
        for role in [Caller.viewer, .operator, .admin, .auditor, .revoked] {
            #expect(bytes.range(of: Data(tokens[role]!.utf8)) == nil)
        }
        #expect(bytes.range(of: Data("auditor".utf8)) != nil)
        #expect(
            try fleet.value("verran", "SELECT count(*) FROM sqlite_schema WHERE name GLOB '*operator*'") == "0")
        var copy = Data()
        for end in ["", "-wal"] {
            copy += (try? Data(contentsOf: URL(fileURLWithPath: fleet.path("verran") + end))) ?? Data()
        }
        let raw = stride(from: 0, to: 64, by: 2).map { place in
            UInt8(digest.dropFirst(place).prefix(2), radix: 16)!
        }
        #expect(bytes.range(of: Data(raw)) != nil)
        #expect(copy.range(of: Data(raw)) == nil)
        #expect(copy.range(of: Data("auditor".utf8)) == nil)
    }

    @Test("two digests are the same only when every byte is")
    func digests() {
        let one = [UInt8](0..<32)
        #expect(isSameDigest(one, one))
        for place in one.indices {
            var other = one
            other[place] ^= 1
            #expect(!isSameDigest(one, other))
        }
        #expect(!isSameDigest(one, Array(one.dropLast())))
        #expect(!isSameDigest(one, []))
    }
}

extension HubService {
    func replicaOf(_ site: String) throws -> UInt32? { try store.sites().first { $0.name == site }?.replica }

    /// Who did what, of the decisions that were taken back.
    fileprivate func earlierDecisions(of conflict: UInt64) throws -> [String] {
        (try store.conflictView(conflict)?.record.earlier ?? []).map { "\($0.by) \($0.how)" }
    }
}

extension ServiceFleet {
    /// Gives a person a token.
    func operatorToken(_ name: String, role: String) async throws -> String {
        let answer = try await json(
            hub.operatorHandler, AccessTests.post("/v1/operator", #"{"name":"\#(name)","role":"\#(role)"}"#))
        return answer["token"]!.string!
    }

    /// Two sites write one cell, neither knowing of the other: conflict 1.
    func dispute(with first: NodeService) async throws {
        try write("snasa", "INSERT INTO note VALUES('a', x'00')")
        _ = try await first.syncOnce()
        let second = try await join("verran")
        try write("snasa", "UPDATE note SET body = x'01'")
        try write("verran", "UPDATE note SET body = x'02'")
        _ = try await first.syncOnce()
        _ = try await second.syncOnce()
    }
}
