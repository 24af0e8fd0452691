import CLinux
import Glibc

/// Threads of our own, for what would block the cooperative pool: event loops, the resolver.
package enum Thread {
    private final class Start {
        let name: String
        let body: @Sendable () -> Void
        init(_ name: String, _ body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    /// Runs `body` on a new detached thread, whose name (at most 15 bytes) `ps -L` and `top -H` show. False when the
    /// system gives no thread.
    package static func start(_ name: String, _ body: @escaping @Sendable () -> Void) -> Bool {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        var thread = pthread_t()
        // The thread takes over the one reference that is made here.
        let start = Unmanaged.passRetained(Start(name, body))
        let result = pthread_create(
            &thread, &attributes,
            { pointer in
                let start = Unmanaged<Start>.fromOpaque(pointer!).takeRetainedValue()
                _ = samband_name_thread(start.name)
                start.body()
                return nil
            }, start.toOpaque())
        if result != 0 { start.release() }
        return result == 0
    }
}
