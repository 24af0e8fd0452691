import FleetKit
import JSONText

/// Drives a fleet through a trace, in one order of arrival.
struct TraceRunner {
    private let trace: TraceFile
    private let order: [String]
    private let fleet: ServicesFleet

    init(_ trace: TraceFile, order: [String], template: FleetTemplate) throws {
        self.trace = trace
        self.order = order
        fleet = try ServicesFleet(template, seed: 1)
    }

    /// What each act answers.
    func run() async throws -> [[String]] {
        var answers: [[String]] = []
        for case .act(let act) in trace.parts {
            do {
                answers.append(try await perform(act.verb))
            } catch let answered as Answered {
                answers.append(["refused: \(said(answered.json))"])
            } catch {
                answers.append(["failed: \("\(error)".split(separator: "\n").joined(separator: " "))"])
            }
        }
        return answers
    }

    private func said(_ problem: JSON) -> String {
        "\(problem["title"]?.string ?? "no title"): \(problem["detail"]?.string ?? "no detail")"
    }

    private func perform(_ verb: TraceFile.Verb) async throws -> [String] {
        switch verb {
        case .write(let site, let sql): try fleet.write(site, sql)
        case .exchange(let sites, let exchange): try await self.exchange(sites, exchange)
        case .inEachOrder(_, let exchange): try await self.exchange(order, exchange)
        case .settle: try await settle()
        case .wait(let ms): fleet.clock.advance(ms: ms)
        case .line(let site, let isDown): fleet.line(site).isDown = isDown
        case .clock(let site, let ms): fleet.setClock(of: site, skewMs: ms)
        case .join(let site): try await fleet.join(site)
        case .keepFile(let site): try fleet.keepFile(of: site, as: "kept-\(site)")
        case .putBackFile(let site): try await fleet.putBackFile(of: site, from: "kept-\(site)")
        case .backUpHub: try await fleet.backUpHub(as: "backup")
        case .restartHub: try await fleet.restartHub()
        case .loseHub: try await fleet.restoreHub(from: "backup")
        case .resolve(let which, var body):
            body["by"] = "kari"
            try await post(["conflict", "\(try await number(which))", "resolve"], .object(body))
        case .undo(let id, let isTrial):
            try await post(["conflict", "\(id)", "undo"], ["by": "ola", "dry_run": .bool(isTrial)])
        case .merge(let table, let key, let into):
            try await post(["record", "merge"], ["table": .string(table), "key": key, "into": into, "by": "kari"])
        case .unmerge(let id): try await post(["record", "unmerge"], ["id": .integer(id), "by": "ola"])
        case .policy(let table, let column, let policy):
            let body: JSON = [
                "table": .string(table), "column": .string(column), "policy": policy, "by": "kari",
            ]
            try await post(["policy"], body)
        case .show(let place): return try await TraceShow(fleet).all(at: place)
        case .choices: return try await TraceShow(fleet).choices()
        case .explain(let table, let key): return try await TraceShow(fleet).explanation(table, key)
        }
        return []
    }

    private func exchange(_ sites: [String], _ exchange: TraceFile.Exchange) async throws {
        for site in sites {
            switch exchange {
            case .seal: await fleet.seal(site)
            case .push: try await fleet.push(site)
            case .pull: try await fleet.pull(site)
            case .sync: try await fleet.sync(site)
            }
        }
    }

    /// Everybody who is on line meets the hub until nothing is on its way any more. After a restoration of the hub a site
    /// may have to wait until others have been heard.
    private func settle() async throws {
        let sites = fleet.sites.filter { !fleet.line($0).isDown }
        for round in 0..<4 {
            for site in sites {
                do { try await fleet.sync(site) } catch  where round < 3 { continue }
            }
        }
    }

    /// The number of a conflict.
    private func number(_ which: TraceFile.Which) async throws -> Int64 {
        switch which {
        case .number(let number): return number
        case .kind(let kind, let column):
            let open = try await fleet.ask(.get, ["conflict"]).json.array ?? []
            let found = open.filter { $0["kind"]?.string == kind && (column == nil || $0["column"]?.string == column) }
            guard found.count == 1, let number = found[0]["id"]?.integer else {
                throw TraceFile.NotUnderstood(why: "\(found.count) open conflicts are of kind \(kind)")
            }
            return number
        }
    }

    private func post(_ path: [String], _ body: JSON) async throws {
        let answer = try await fleet.ask(.post, path, body)
        guard answer.status == 200 else { throw Answered(json: answer.json) }
    }

    /// What must be so at the end of every trace, whatever it shows: everybody has met, and all have the same.
    func faultsAtEnd() async throws -> [String] {
        for site in fleet.sites { fleet.line(site).isDown = false }
        try await settle()
        var faults: [String] = []
        let show = TraceShow(fleet)
        let (hubRows, hubRecords) = (try show.rows(at: "hub"), try show.records(at: "hub"))
        for place in ["hub"] + fleet.sites {
            if try show.rows(at: place) != hubRows { faults.append("\(place) has other rows than the hub") }
            if try show.records(at: place) != hubRecords { faults.append("\(place) has other conflicts than the hub") }
            faults += try show.onItsWay(at: place)
            if try !fleet.rows(place, "PRAGMA foreign_key_check").isEmpty {
                faults.append("\(place) has references that lead nowhere")
            }
        }
        return faults
    }
}
