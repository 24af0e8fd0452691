import EventLoop
import Glibc
import Synchronization
import Testing

@Suite("Inflow")
struct InflowTests {
    @Test("pieces come in order, then the end; an error comes after the pieces before it")
    func order() async throws {
        let inflow = Inflow(capacity: 10, onDemand: {})
        for number in 1...200 as ClosedRange<UInt8> { _ = inflow.push([number]) }
        inflow.finish()
        for number in 1...200 as ClosedRange<UInt8> { #expect(try await inflow.next() == [number]) }
        #expect(try await inflow.next() == nil)
        #expect(try await inflow.next() == nil)
        let failing = Inflow(capacity: 10, onDemand: {})
        _ = failing.push([1])
        failing.finish(SystemError(EIO, "read"))
        failing.finish()
        #expect(try await failing.next() == [1])
        await #expect(throws: SystemError(EIO, "read")) { try await failing.next() }
    }

    @Test("it says when it is enough, and asks for more once, at half")
    func demand() async throws {
        let demands = Atomic(0)
        let inflow = Inflow(capacity: 4, onDemand: { demands.add(1, ordering: .relaxed) })
        #expect(inflow.push([1, 2]))
        #expect(inflow.push([3, 4]))
        #expect(!inflow.push([5, 6]))
        _ = try await inflow.next()
        #expect(demands.load(ordering: .relaxed) == 0)
        _ = try await inflow.next()
        _ = try await inflow.next()
        #expect(demands.load(ordering: .relaxed) == 1)
        #expect(inflow.push([7]))
    }

    @Test("a cancelled reader is told so when there is nothing to give, and not before")
    func cancel() async throws {
        let cancelled = Mutex(false)
        let inflow = Inflow(
            capacity: 4, onDemand: {}, onCancel: { cancelled.withLock { $0 = true } })
        _ = inflow.push([1])
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            let first = try await inflow.next()
            #expect(first == [1])
            _ = try await inflow.next()
        }
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(cancelled.withLock { $0 })
    }

    @Test("a reader that never catches up does not keep what it has read")
    func memory() async throws {
        let inflow = Inflow(capacity: 1 << 20, onDemand: {})
        _ = inflow.push([UInt8](repeating: 1, count: 65536))
        let before = try residentBytes()
        for _ in 0..<8192 {
            _ = inflow.push([UInt8](repeating: 1, count: 65536))
            _ = try await inflow.next()
        }
        // 512 MB went through it; other tests of this process may take something meanwhile.
        #expect(try residentBytes() - before < 200 << 20)
        _ = try await inflow.next()
    }

    private func residentBytes() throws -> Int {
        let file = try #require(fopen("/proc/self/statm", "r"))
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        fgets(&line, Int32(line.count), file)
        let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return try #require(Int(text.split(separator: " ")[1])) * 4096
    }
}

@Suite("Event loop")
struct LoopTests {
    @Test("jobs run in the order of their submission, from any thread, and not after stop")
    func jobs() async throws {
        let loop = try EventLoop(name: "test")
        let seen = Mutex<[Int]>([])
        for number in 0..<1000 { loop.submit { seen.withLock { $0.append(number) } } }
        await withCheckedContinuation { done in _ = loop.submit { done.resume() } }
        #expect(seen.withLock { $0 } == Array(0..<1000))
        loop.stop()
        while loop.submit({}) { await Task.yield() }
    }

    /// Deadlines of several sources, as they pass.
    private final class Bell: EventSource, @unchecked Sendable {
        let number: Int
        let onRing: (Int) -> Void
        init(_ number: Int, _ onRing: @escaping (Int) -> Void) {
            self.number = number
            self.onRing = onRing
        }
        func onReady(_ events: UInt32) {}
        func onDeadline() { onRing(number) }
    }

    @Test("deadlines pass in their order; one that was put off, cleared or removed does not pass before")
    func deadlines() async throws {
        let loop = try EventLoop(name: "test")
        let order = await withCheckedContinuation { (done: CheckedContinuation<[Int], Never>) in
            loop.submit {
                var rung: [Int] = []
                let bells = (0..<6).map { number in
                    Bell(number) { number in
                        rung.append(number)
                        if number == 5 { done.resume(returning: rung) }
                    }
                }
                let tokens = bells.map { loop.add($0) }
                let now = loop.nowMs
                for (token, ms) in zip(tokens, [8, 4, 1, 2, 6, 20]) {
                    loop.setDeadline(token, atMs: now + ms)
                }
                loop.setDeadline(tokens[2], atMs: now + 12)
                loop.setDeadline(tokens[3], atMs: nil)
                loop.remove(tokens[4])
            }
        }
        #expect(order == [1, 0, 2, 5])
        loop.stop()
    }
}
