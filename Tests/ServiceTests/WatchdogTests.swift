import HTTP
import Presentation
import SQLite
import TableModel
import Testing

@testable import NodeService

@Suite("The watchdog says what is wrong")
struct WatchdogTests {
    private let began: UInt64 = 1_763_800_000_000

    private func transport(_ cause: TransportError.Cause) -> ExchangeError {
        let error = TransportError(cause, doing: "POST /v1/push", place: "http://hub:7420")
        return .unreachable("\(error)", LineFault(error))
    }

    @Test(
        "a line that fails is told by its cause, since when, and what to do",
        arguments: [
            (TransportError.Cause.nameNotFound, "the name of the hub is not found"),
            (.refused, "refuses the connection"),
            (.unreachable("Network is unreachable"), "no way to the hub"), (.reset, "is cut"),
            (.timeout(.firstByte, afterMs: 4000), "does not answer"),
            (.badResponse("no status line"), "something other"),
        ])
    func causes(cause: TransportError.Cause, says: String) throws {
        var dog = Watchdog(file: "snasa.db")
        dog.failed(.pull, transport(cause), nowMs: began)
        dog.failed(.pull, transport(cause), nowMs: began + 60_000)
        let sentence = try #require(dog.sentence)
        #expect(sentence.contains(says))
        #expect(sentence.contains("since 2025-11-22T08:26:40Z"), "\(sentence)")
        dog.succeeded(.pull)
        #expect(dog.sentence == nil)
    }

    @Test("who answers in the hub's place is told apart by what it answers")
    func strangers() {
        func says(_ status: Int, _ headers: Headers) -> String {
            LineFault(Response(Status(code: status)!, headers: headers)).words.what
        }
        #expect(says(200, ["content-type": "text/html; charset=utf-8"]).contains("a page answers"))
        #expect(says(511, [:]).contains("a page answers"))
        #expect(says(302, ["location": "http://portal.example"]).contains("portal.example"))
        #expect(says(502, ["content-type": "text/html"]).contains("502"))
        #expect(says(200, ["content-type": "application/json"]).contains("something other than the hub"))
    }

    @Test("what the hub says comes before the line, and this machine's disk before both")
    func order() {
        var dog = Watchdog(file: "snasa.db")
        dog.failed(.push, transport(.reset), nowMs: began)
        dog.failed(
            .pull, .refused(status: 401, title: "No", detail: "The credential is not known.", next: "Join anew."),
            nowMs: began)
        #expect(dog.sentence?.contains("refuses this node's credential") == true)
        let full = SQLiteError(code: 13, message: "database or disk is full", doing: "COMMIT")
        dog.failed(.pull, .store(error(full)), nowMs: began + 1)
        #expect(dog.sentence?.contains("the disk of snasa.db is full") == true)
        dog.disk.succeeded()
        dog.succeeded(.pull)
        #expect(dog.sentence?.contains("is cut") == true)
    }

    private func error(_ error: SQLiteError) -> StoreError {
        do { return try storing("sealing new writes") { throw error } } catch { return error }
    }

    @Test(
        "what SQLite answers is told as what it is",
        arguments: [
            (Int32(13), "is full"), (4874, "is full"), (8, "not written"), (1032, "not written"), (778, "fails"),
            (5, "locked"), (11, "damaged"),
        ])
    func disks(code: Int32, says: String) {
        var watch = DiskWatch()
        watch.failed(error(SQLiteError(code: code, message: "x", doing: "COMMIT")), nowMs: began)
        #expect(watch.sentence(file: "hub.db")?.contains(says) == true)
        // A note that finds room says nothing of what did not find it a moment ago.
        watch.wroteNote(nowMs: began + 1_000)
        #expect(watch.isFailing)
        watch.wroteNote(nowMs: began + 20_000)
        #expect(!watch.isFailing)
    }

    @Test("a log that a reader holds is told with its size")
    func heldLog() {
        var watch = DiskWatch()
        watch.heldLogBytes = 300 << 20
        #expect(watch.sentence(file: "hub.db")?.contains("300 MiB") == true)
        watch.heldLogBytes = nil
        #expect(watch.sentence(file: "hub.db") == nil)
    }
}
