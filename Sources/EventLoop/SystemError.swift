import Glibc

/// What a system call answered: errno, with the call's name.
package struct SystemError: Error, Equatable, Sendable, CustomStringConvertible {
    package let code: Int32
    package let call: String

    package init(_ code: Int32, _ call: String) {
        self.code = code
        self.call = call
    }

    /// The errno of the call that has just failed on this thread.
    package static func last(_ call: String) -> SystemError { SystemError(errno, call) }

    /// The system's words for the code, for instance "Address already in use".
    package var text: String {
        var buffer = [CChar](repeating: 0, count: 128)
        guard strerror_r(code, &buffer, buffer.count) == 0 else { return "error \(code)" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    package var description: String { "\(call): \(text)" }
}
