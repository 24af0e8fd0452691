import CSQLite
import Synchronization

/// Ends what a connection is running, from any thread. After the connection has closed it does nothing.
// @unchecked: the pointer is only touched under the mutex, and sqlite3_interrupt is safe from any thread while
// the connection is open, which the mutex holds true.
package final class InterruptHandle: @unchecked Sendable {
    private let target: Mutex<UInt>

    init(_ database: OpaquePointer) { target = Mutex(UInt(bitPattern: database)) }

    /// Makes the running statement of the connection fail with SQLITE_INTERRUPT.
    package func interrupt() {
        target.withLock { address in
            if let database = OpaquePointer(bitPattern: address) { sqlite3_interrupt(database) }
        }
    }

    func forget() { target.withLock { $0 = 0 } }
}
