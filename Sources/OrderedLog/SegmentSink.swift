import Replication
import SQLite
import TableModel

/// Writes the segments of one change set to the log as they fill, so that memory holds one of them.
package struct SegmentSink {
    package let log: ChangeLog
    package let change: UInt64
    package var variant = SegmentVariant.authored
    private var builder: SegmentBuilder
    package private(set) var digests: [[UInt8]] = []

    private let maxBytes: Int

    package init(
        log: ChangeLog, change: UInt64, variant: SegmentVariant = .authored, maxBytes: Int = Limits.segmentMaxBytes
    ) {
        builder = SegmentBuilder(targetBytes: log.segmentBytes)
        self.maxBytes = maxBytes
        self.log = log
        self.change = change
        self.variant = variant
    }

    package var rowCount: Int { builder.rowCount }

    package mutating func row(_ kind: BlockKind, keyColumnCount: Int, _ body: (inout BlockBuilder) -> Void) throws {
        builder.row(kind, keyColumnCount: keyColumnCount, body)
        if !builder.finished.isEmpty { try store() }
    }

    package mutating func add(_ kind: BlockKind, key: [Value], values: [Value], stamps: [Stamp] = []) throws {
        builder.add(kind, key: key, values: values, stamps: stamps)
        if !builder.finished.isEmpty { try store() }
    }

    package mutating func finish() throws {
        builder.close()
        try store()
    }

    private mutating func store() throws {
        for bytes in builder.takeFinished() {
            guard bytes.count <= maxBytes else {
                throw StoreError(
                    .refused, doing: "sealing new writes",
                    why:
                        "a row is larger than \(Limits.pushedFrameBytes >> 20) MiB, which is more than can be exchanged",
                    hint: "Keep such content outside the table, in pieces; until then nothing of this site is sent.")
            }
            let digest = SHA256.digest(bytes)
            try log.appendSegment(bytes, change: change, variant: variant, number: digests.count, digest: digest)
            digests.append(digest)
        }
    }
}
