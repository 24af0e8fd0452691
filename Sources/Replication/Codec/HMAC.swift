/// HMAC with SHA-256 (RFC 2104): who has not the key can neither make the code nor learn from it what it is of.
package enum HMAC {
    private static let blockBytes = 64

    /// 32 bytes.
    package static func code(of message: [UInt8], key: [UInt8]) -> [UInt8] {
        var block = key.count > blockBytes ? SHA256.digest(key) : key
        block += [UInt8](repeating: 0, count: blockBytes - block.count)
        let inner = SHA256.digest(block.map { $0 ^ 0x36 } + message)
        return SHA256.digest(block.map { $0 ^ 0x5c } + inner)
    }
}
