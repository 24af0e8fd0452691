import Replication

/// What becomes of a message.
package enum Fault: Hashable, Sendable {
    case none
    case lost
    /// Only this many thousandths of its bytes arrive.
    case cut(Int)
    /// One bit in it is turned, at this many thousandths of its length.
    case bent(Int)
    /// It stays on the way until a later `deliver`.
    case late
    /// It arrives, and a copy of it stays on the way.
    case twice
    /// It arrives, but its sender does not learn so.
    case unanswered
}

/// What happens to the disk of the hub's or a site's machine, or to the file on it.
package enum DiskFault: Hashable, Sendable {
    /// The power goes within the n-th change of the disk that the machine's own work makes from now on. It comes back
    /// at once, and what was not synced is kept, lost or torn as the seed has it.
    case crash(after: Int)
    /// The power goes now, and nothing is left of what was not synced.
    case powerLoss
    /// After so many operations some fail: reads, writes or syncs.
    case failing(DiskOperation, after: Int, count: Int)
    /// So many bytes are free.
    case full(room: Int)
    case readOnly
    /// The disk works again.
    case mended
    /// The programs of the machine end and begin anew.
    case restart
    /// SQLite's log is written back into the file.
    case writeBack
    /// The files are backed up.
    case image
    /// The backup is put back.
    case restore
}

package enum DiskOperation: Hashable, Sendable { case read, write, sync }

/// The machine's disk let an operation down: nothing of it has happened, and its caller may try again.
package struct Interrupted: Error {
    package init() {}
}

/// One step of a history. A step means something whatever went before it, so that a history can be cut down to
/// what makes it fail.
package enum Step: Hashable, Sendable {
    case write(Int, [UserWrite])
    /// The same by a program that has switched the checks of its connection off.
    case uncheckedWrite(Int, [UserWrite])
    case seal(Int)
    case push(Int, Fault)
    case pull(Int, Fault)
    /// One of the messages still on the way arrives, by its place modulo their number.
    case deliver(Int)
    case wait(UInt64)
    /// An operator settles one of the open conflicts, by its place modulo their number.
    case decide(Int, Choice)
    /// An operator takes back how one of the settled conflicts was settled, by its place modulo their number.
    case undo(Int)
    /// Everybody seals, pushes and pulls, without faults of the network.
    case settle
    /// Something happens to the disk of a site's machine; of the hub's when none is named.
    case disk(Int?, DiskFault)
    /// A second machine runs from a copy of the site's file from now on. It counts as a site behind the others.
    case copy(Int)
    /// The clock of a site is so far off from now on, in milliseconds.
    case clock(Int, Int64)
    /// The hub is lost, and one of the images of its file stands in its place, by its place modulo their number; the file
    /// itself on another machine when none is named.
    case loseHub(Int?, SeatFate)
    /// An operator accepts that the restored hub waits no longer.
    case accept

    /// The site that it is about.
    var site: Int? {
        switch self {
        case .write(let site, _), .uncheckedWrite(let site, _), .seal(let site), .push(let site, _), .pull(let site, _),
            .copy(let site), .clock(let site, _):
            site
        case .disk(let site, _): site
        case .deliver, .wait, .decide, .undo, .settle, .loseHub, .accept: nil
        }
    }

    /// The same done to another site.
    package func at(_ other: Int) -> Step {
        switch self {
        case .write(_, let writes): .write(other, writes)
        case .uncheckedWrite(_, let writes): .uncheckedWrite(other, writes)
        case .seal: .seal(other)
        case .push(_, let fault): .push(other, fault)
        case .pull(_, let fault): .pull(other, fault)
        case .copy: .copy(other)
        case .clock(_, let skewMs): .clock(other, skewMs)
        case .disk(.some, let fault): .disk(other, fault)
        default: self
        }
    }
}

/// A history to run: who takes part and what happens.
package struct Scenario: Sendable {
    package let catalogue: Catalogue
    /// How far each site's clock is off, in milliseconds.
    package let skewsMs: [Int64]
    package var steps: [Step]

    package init(catalogue: Catalogue, skewsMs: [Int64], steps: [Step]) {
        self.catalogue = catalogue
        self.skewsMs = skewsMs
        self.steps = steps
    }

    package static let names = ["snasa", "inderoy", "verran", "mosvik", "levanger", "namsos", "steinkjer"]
}

extension Scenario: CustomStringConvertible {
    /// The history as a test would write it.
    package var description: String {
        var lines = [
            "// sites \(zip(Scenario.names, skewsMs).map { "\($0) \($1) ms" }.joined(separator: ", "));"
                + " tables \(catalogue.tables.map(\.name).joined(separator: ", "))"
        ]
        for table in catalogue.tables where table.rules != TableRules() {
            lines += ([table.createSQL] + table.indexes).map { "// \($0)" }
        }
        for step in steps {
            let line = text(step)
            lines.append(line.count < 600 ? line : line.prefix(600) + "…")
        }
        lines.append("fleet.settleEverything()")
        return lines.joined(separator: "\n")
    }

    private func text(_ step: Step) -> String {
        func site(_ index: Int) -> String { "\"\(Scenario.names[index])\"" }
        func with(_ fault: Fault) -> String { fault == .none ? "" : ", .\(fault)" }
        switch step {
        case .write(let index, let writes):
            let sql = writes.map { $0.sql(catalogue) }.joined(separator: "; ")
            return "fleet.write(\(site(index)), \"\(sql)\")"
        case .uncheckedWrite(let index, let writes):
            let sql = writes.map { $0.sql(catalogue) }.joined(separator: "; ")
            return "fleet.uncheckedWrite(\(site(index)), \"\(sql)\")"
        case .seal(let index): return "fleet.seal(\(site(index)))"
        case .push(let index, let fault): return "fleet.push(\(site(index))\(with(fault)))"
        case .pull(let index, let fault): return "fleet.pull(\(site(index))\(with(fault)))"
        case .deliver(let place): return "fleet.deliver(\(place))"
        case .wait(let ms): return "fleet.wait(\(ms))"
        case .decide(let place, let choice): return "fleet.decide(\(place), .\(choice))"
        case .undo(let place): return "fleet.undo(\(place))"
        case .settle: return "fleet.settleEverything()"
        case .copy(let index): return "fleet.copy(\(site(index)))"
        case .clock(let index, let skewMs): return "fleet.clock(\(site(index)), \(skewMs))"
        case .loseHub(let image, let seat):
            return "fleet.loseHub(\(image.map { "\($0)" } ?? "nil"), .\(seat))"
        case .accept: return "fleet.acceptRecovery()"
        case .disk(let index, let fault): return "fleet.disk(\(index.map(site) ?? "hub"), .\(fault))"
        }
    }
}
