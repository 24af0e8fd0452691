import HTTP
import JSONText
import Replication

/// Bodies that sites and hub exchange beside the frames, which carry checksums of their own: each comes with the SHA-256
/// of its bytes (RFC 9530, section 2), so that one bent bit of a position or of a vector clock is no other position.
package enum ContentDigest {
    package static let name: FieldName = "content-digest"

    package static func field(of bytes: [UInt8]) -> FieldValue { FieldValue(text(of: bytes))! }

    private static func text(of bytes: [UInt8]) -> String { "sha-256=:\(Base64.encode(SHA256.digest(bytes))):" }

    /// True when the headers name the digest of these bytes.
    package static func fits(_ bytes: [UInt8], _ headers: Headers) -> Bool { headers[name] == text(of: bytes) }
}

extension Response {
    /// A JSON answer with the digest of its bytes.
    package static func proven(_ message: Message<some Shape>) throws(Problem) -> Response {
        var response = try Response.json(message.json)
        response.headers.set(ContentDigest.name, ContentDigest.field(of: response.body.bytes ?? []))
        return response
    }
}

extension Request {
    /// The body as JSON, refused when it is none or when its digest is missing or another.
    package func provenJSON() async throws(Problem) -> JSON {
        let bytes = try await collectBody()
        guard ContentDigest.fits(bytes, headers) else {
            throw Problem(
                type: .damaged, title: "The bytes are damaged",
                detail: "The request does not come with the digest of its body, or its body was bent on the way.",
                next: "A node sends it again by itself.")
        }
        return try Request.json(bytes)
    }
}
