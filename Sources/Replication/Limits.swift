/// Every limit on what Samband's own bytes may hold, in one place. HTTP's limits are in `HTTP/Limits`.
package enum Limits {
    /// A segment is closed once it holds this many bytes; a single large row may take it further.
    package static let segmentTargetBytes = 1 << 20
    /// No segment is larger than this, so no row can be.
    package static let segmentMaxBytes = 256 << 20
    /// A site may push no larger frame, so no row of this size is sealed: what the hub adds about a row, with all sides of
    /// a conflict, still fits into a segment.
    package static let pushedFrameBytes = 32 << 20
    /// Nor one that begins a change set and is larger than this: enough for tens of thousands of segments.
    package static let pushedHeaderBytes = 2 << 20
    /// Segments of one change set.
    package static let segmentsPerChangeSet = 1 << 20
    /// Columns of a segment, counted over its blocks, keys and stamps included: what a reader keeps in memory
    /// beside the bytes grows with these.
    package static let sectionsPerSegment = 1 << 16
    /// Rows of one block.
    package static let rowsPerBlock = 1 << 16
    /// Columns of one block (SQLite's own default limit).
    package static let columnsPerBlock = 2000
    /// Columns of a key.
    package static let keyColumns = 64
    /// Components of a vector clock.
    package static let vectorComponents = 1 << 16
    /// A change set's header, in bytes: it grows by 32 bytes a segment.
    package static let headerMaxBytes = 64 << 20
    /// How far a stamp may be ahead of the hub's clock, in milliseconds.
    package static let clockAheadMs: UInt64 = 60_000
    /// Replica numbers that one site may have had: its file put back or copied that often.
    package static let replicasPerSite = 1000
    /// Names of requests for a replica number that are kept with it.
    package static let splitTickets = 64
    /// Digests that one request for a new replica number may hold.
    package static let splitDigests = 1024
    /// How far the hub's clock may be off the last time that it knows before somebody has to say that it is right.
    package static let clockOffMs: UInt64 = 86_400_000
    /// Bytes of a value as applications are shown it in a dispute; a longer one is only counted.
    package static let shownValueBytes = 64 << 10
    /// Bytes of all that they are shown of one conflict or withheld row; beyond, shorter values are counted too.
    package static let shownBytes = 1 << 20
    /// What a restored hub keeps of what one replica hands in, until it is taken: change sets, and bytes of them.
    package static let handedSets: Int64 = 1 << 20
    package static let handedBytes: Int64 = 8 << 30
    /// What the hub keeps of a retired site that still sends: change sets, and bytes of them.
    package static let quarantinedSets: Int64 = 65_536
    package static let quarantineBytes: Int64 = 256 << 20
    /// Bytes of a scope label.
    package static let scopeLabelBytes = 255
}
