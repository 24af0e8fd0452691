/// Why a server could not begin to listen: where, what the system said, and what to do.
package struct ServerError: Error, Equatable, Sendable, CustomStringConvertible {
    package let place: String
    package let why: String
    package let next: String

    package var description: String { "Cannot listen on \(place): \(why). \(next)" }
}
