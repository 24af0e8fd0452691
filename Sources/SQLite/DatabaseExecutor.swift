import Glibc

/// Runs the jobs of an actor one after the other on a thread of its own, so that a statement that takes long
/// never holds up the cooperative pool.
///
///     actor Store {
///         let executor: DatabaseExecutor
///         nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
///     }
///
/// The thread ends when the executor is released, or after `shutdown()` once the queue is empty.
package final class DatabaseExecutor: SerialExecutor {
    private let queue: JobQueue

    /// `name` is what the system shows for the thread: its first 15 bytes.
    package init(name: String) { queue = JobQueue(name: name) }

    deinit { queue.stop() }

    package func enqueue(_ job: consuming ExecutorJob) {
        // With the executor itself, so that it outlives the job even if the job drops the last reference.
        queue.add(UnownedJob(job), for: self)
    }

    package func asUnownedSerialExecutor() -> UnownedSerialExecutor {
        UnownedSerialExecutor(ordinary: self)
    }

    /// Lets the thread end when it has nothing left to do. A job that comes later still runs, on a new thread
    /// that ends after it: nobody is left waiting.
    package func shutdown() { queue.stop() }

    /// How many threads the executor has at this moment: 0 or 1.
    package var threadCount: Int { queue.isRunning ? 1 : 0 }
}

/// The queue and the thread's loop.
// @unchecked: every stored property that changes is touched only between lock and unlock of `mutex`.
private final class JobQueue: @unchecked Sendable {
    private let name: String
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let wake = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var jobs: [(job: UnownedJob, executor: DatabaseExecutor)] = []
    private var running = false
    private var stopping = false

    init(name: String) {
        self.name = name
        mutex.initialize(to: pthread_mutex_t())
        wake.initialize(to: pthread_cond_t())
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(wake, nil)
    }

    deinit {
        pthread_cond_destroy(wake)
        pthread_mutex_destroy(mutex)
        wake.deallocate()
        mutex.deallocate()
    }

    var isRunning: Bool {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return running
    }

    func add(_ job: UnownedJob, for executor: DatabaseExecutor) {
        pthread_mutex_lock(mutex)
        jobs.append((job, executor))
        if !running {
            running = true
            startThread()
        }
        pthread_cond_signal(wake)
        pthread_mutex_unlock(mutex)
    }

    func stop() {
        pthread_mutex_lock(mutex)
        stopping = true
        pthread_cond_signal(wake)
        pthread_mutex_unlock(mutex)
    }

    private func startThread() {
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<JobQueue>.fromOpaque(argument).takeRetainedValue().loop()
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
        guard code == 0 else { fatalError("no thread for the database: error \(code)") }
        pthread_detach(thread)
    }

    private func loop() {
        nameThisThread()
        while let batch = nextBatch() {
            for entry in batch {
                entry.job.runSynchronously(on: entry.executor.asUnownedSerialExecutor())
            }
        }
    }

    /// pthread_setname_np is not in Swift's Glibc module; the file does the same.
    /// https://man7.org/linux/man-pages/man5/proc_pid_comm.5.html
    private func nameThisThread() {
        guard let file = fopen("/proc/thread-self/comm", "w") else { return }
        fputs(String(decoding: name.utf8.prefix(15), as: UTF8.self), file)
        fclose(file)
    }

    /// Everything that is waiting, or nil when the thread shall end.
    private func nextBatch() -> [(job: UnownedJob, executor: DatabaseExecutor)]? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while jobs.isEmpty {
            if stopping {
                running = false
                return nil
            }
            pthread_cond_wait(wake, mutex)
        }
        let batch = jobs
        jobs = []
        return batch
    }
}
