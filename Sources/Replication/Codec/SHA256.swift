import CSHA256

/// SHA-256, FIPS 180-4. Bytes may come in pieces of any size. Uses the processor's instructions where it has them.
package struct SHA256: Sendable {
    /// True where the processor has instructions for it.
    package static let isInProcessor = samband_sha256_is_here() == 1

    private var state: [UInt32] = [
        0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab,
        0x5be0_cd19,
    ]
    private var rest: [UInt8] = []
    private var length: UInt64 = 0
    private let usesProcessor: Bool

    package init(usingProcessor: Bool = isInProcessor) {
        precondition(!usingProcessor || Self.isInProcessor, "the processor has no instructions for SHA-256")
        usesProcessor = usingProcessor
    }

    /// The digest of a whole: 32 bytes.
    package static func digest(_ bytes: [UInt8]) -> [UInt8] {
        var hash = SHA256()
        hash.update(bytes)
        return hash.finish()
    }

    /// Takes in the next piece of the message.
    package mutating func update(_ bytes: [UInt8]) {
        length &+= UInt64(bytes.count)
        var start = 0
        if !rest.isEmpty {
            let missing = min(64 - rest.count, bytes.count)
            rest.append(contentsOf: bytes[0..<missing])
            start = missing
            guard rest.count == 64 else { return }
            compress(rest, from: 0, blocks: 1)
            rest.removeAll(keepingCapacity: true)
        }
        let blocks = (bytes.count - start) / 64
        if blocks > 0 { compress(bytes, from: start, blocks: blocks) }
        rest.append(contentsOf: bytes[(start + blocks * 64)...])
    }

    /// Ends the message and gives its digest. The value must not be used afterwards.
    package mutating func finish() -> [UInt8] {
        let bits = length &* 8
        var tail: [UInt8] = [0x80]
        let used = (rest.count + 1) % 64
        tail.append(contentsOf: repeatElement(0, count: (used <= 56 ? 56 : 120) - used))
        for shift in stride(from: 56, through: 0, by: -8) {
            tail.append(UInt8(truncatingIfNeeded: bits >> shift))
        }
        update(tail)
        assert(rest.isEmpty, "the padding ends on a block")
        return state.flatMap { word in
            [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: word >> $0) }
        }
    }

    // The inner loop works on raw memory: through checked indices it is four times slower, and every byte that
    // is exchanged passes here. The pointers live for this call only and the indices are constants' sums.
    private mutating func compress(_ bytes: [UInt8], from start: Int, blocks: Int) {
        bytes.withUnsafeBytes { raw in
            withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 64) { w in
                state.withUnsafeMutableBufferPointer { h in
                    roundConstants.withUnsafeBufferPointer { k in
                        if usesProcessor {
                            let base = (raw.baseAddress! + start).assumingMemoryBound(to: UInt8.self)
                            samband_sha256_blocks(h.baseAddress!, base, blocks, k.baseAddress!)
                            return
                        }
                        for block in 0..<blocks {
                            let base = raw.baseAddress! + start + block * 64
                            compressBlock(
                                base, schedule: w.baseAddress!, state: h.baseAddress!, k.baseAddress!)
                        }
                    }
                }
            }
        }
    }
}

@inline(__always)
private func rotate(_ x: UInt32, _ n: UInt32) -> UInt32 { (x &>> n) | (x &<< (32 &- n)) }

// FIPS 180-4, section 6.2.2.
private func compressBlock(
    _ block: UnsafeRawPointer, schedule w: UnsafeMutablePointer<UInt32>,
    state: UnsafeMutablePointer<UInt32>, _ k: UnsafePointer<UInt32>
) {
    for t in 0..<16 { w[t] = block.loadUnaligned(fromByteOffset: t &* 4, as: UInt32.self).bigEndian }
    for t in 16..<64 {
        let x = w[t &- 15]
        let y = w[t &- 2]
        let s0 = rotate(x, 7) ^ rotate(x, 18) ^ (x &>> 3)
        let s1 = rotate(y, 17) ^ rotate(y, 19) ^ (y &>> 10)
        w[t] = w[t &- 16] &+ s0 &+ w[t &- 7] &+ s1
    }
    var (a, b, c, d) = (state[0], state[1], state[2], state[3])
    var (e, f, g, h) = (state[4], state[5], state[6], state[7])
    for t in 0..<64 {
        let s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
        let t1 = h &+ s1 &+ ((e & f) ^ (~e & g)) &+ k[t] &+ w[t]
        let s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)
        let t2 = s0 &+ ((a & b) ^ (a & c) ^ (b & c))
        (h, g, f, e) = (g, f, e, d &+ t1)
        (d, c, b, a) = (c, b, a, t1 &+ t2)
    }
    state[0] &+= a
    state[1] &+= b
    state[2] &+= c
    state[3] &+= d
    state[4] &+= e
    state[5] &+= f
    state[6] &+= g
    state[7] &+= h
}

private let roundConstants: [UInt32] = [
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
]
