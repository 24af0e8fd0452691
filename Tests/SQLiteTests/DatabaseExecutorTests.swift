import Glibc
import SQLite
import Testing

private actor Counter {
    let executor: DatabaseExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
    var value = 0
    var threads: Set<UInt> = []

    init(_ executor: DatabaseExecutor) { self.executor = executor }

    func add() {
        value += 1
        threads.insert(UInt(pthread_self()))
    }

    func threadName() -> String {
        guard let file = fopen("/proc/thread-self/comm", "r") else { return "" }
        defer { fclose(file) }
        var bytes = [CChar](repeating: 0, count: 32)
        guard fgets(&bytes, 32, file) != nil else { return "" }
        return String(
            decoding: bytes.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

@Suite("A database executor")
struct DatabaseExecutorTests {
    @Test("runs an actor's jobs one at a time, all on its own thread")
    func ownThread() async {
        let counter = Counter(DatabaseExecutor(name: "db-test"))
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<1000 { group.addTask { await counter.add() } }
        }
        #expect(await counter.value == 1000)
        #expect(await counter.threads.count == 1)
        #expect(await counter.threadName() == "db-test")
    }

    @Test("has no thread before its first job and none after shutdown")
    func shutdown() async {
        let executor = DatabaseExecutor(name: "db-test")
        #expect(executor.threadCount == 0)
        let counter = Counter(executor)
        await counter.add()
        #expect(executor.threadCount == 1)
        executor.shutdown()
        while executor.threadCount > 0 { await Task.yield() }
    }

    @Test("still runs a job that comes after shutdown")
    func late() async {
        let executor = DatabaseExecutor(name: "db-test")
        let counter = Counter(executor)
        executor.shutdown()
        await counter.add()
        await counter.add()
        #expect(await counter.value == 2)
        while executor.threadCount > 0 { await Task.yield() }
    }

    @Test("may be released by its own last job")
    func release() async {
        for _ in 0..<200 {
            let value = await Task { () -> Int in
                let counter = Counter(DatabaseExecutor(name: "db-test"))
                await counter.add()
                return await counter.value
            }.value
            #expect(value == 1)
        }
    }
}
