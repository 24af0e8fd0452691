import Replication

/// One change set on its way, with what comes along a pull.
package struct Parcel: Hashable, Sendable {
    package let header: ChangeSetHeader
    package let delivery: Delivery
    package let segments: [[UInt8]]

    package init(header: ChangeSetHeader, delivery: Delivery = Delivery(), segments: [[UInt8]]) {
        self.header = header
        self.delivery = delivery
        self.segments = segments
    }
}

/// A conflict as the hub shows it.
package struct SeenConflict: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable {
        case insert, cell, deleteUpdate, unique, foreignKey, check, scope, invalid
    }

    package let id: UInt64
    package let kind: Kind
    package let row: RowIdentity
    package let column: Int?
    package let life: Conflict

    package init(id: UInt64, kind: Kind, row: RowIdentity, column: Int?, life: Conflict) {
        self.id = id
        self.kind = kind
        self.row = row
        self.column = column
        self.life = life
    }
}

/// An operation that the hub keeps out of its tables, or has kept out.
package struct SeenWithheld: Hashable, Sendable {
    package let row: RowIdentity
    package let key: [Value]
    package let dot: Dot
    package let operation: Operation
    package let cells: [Int: Value]
    package let conflict: UInt64
    package let state: State

    /// What has become of it.
    package enum State: String, Hashable, Sendable { case withheld, admitted, released, discarded, superseded }

    package init(
        row: RowIdentity, key: [Value], dot: Dot, operation: Operation, cells: [Int: Value], conflict: UInt64,
        state: State
    ) {
        self.conflict = conflict
        self.state = state
        self.row = row
        self.key = key
        self.dot = dot
        self.operation = operation
        self.cells = cells
    }
}

/// What an operator chooses for a conflict.
package enum Choice: Hashable, Sendable {
    /// The value of the n-th side (modulo their number), or for a row: the n-th side's row or delete.
    case side(Int)
    case value(Value)
    /// What stands.
    case now
    /// The row stays, or goes.
    case restore, delete
    /// What is withheld comes in, or is given up.
    case admit, discard
}

/// The first segments of a change set, and in a hub transaction all that stands before it.
package struct HeldPart: Hashable, Sendable {
    package let dot: Dot
    package let segments: UInt64

    package init(dot: Dot, segments: UInt64) {
        self.dot = dot
        self.segments = segments
    }
}

/// What a site names when it pulls: its position, and what it keeps of the hub transaction behind it.
package struct PullRequest: Hashable, Sendable {
    package let position: UInt64
    package let held: HeldPart?

    package init(position: UInt64, held: HeldPart? = nil) {
        self.position = position
        self.held = held
    }
}

/// The hub as the simulation drives it.
package protocol HubEnd: AnyObject {
    var replica: UInt32 { get }
    func vector() throws -> VectorClock
    func lastPosition() throws -> UInt64
    func admit(site: String, nowMs: UInt64) throws -> UInt32
    /// Takes in what has come of a push.
    func takePush(_ push: Arrival, from replica: UInt32, nowMs: UInt64) throws
    /// What it keeps of a push that was cut.
    func held(of replica: UInt32) throws -> HeldPart?
    /// The bytes that answer a pull.
    func givePull(_ request: PullRequest, to replica: UInt32, nowMs: UInt64) throws -> [UInt8]
    func rows() throws -> Rows
    func conflicts() throws -> [SeenConflict]
    /// Every operation of a site that is withheld or ever was.
    func withheld() throws -> [SeenWithheld]
    /// False: it was refused.
    func decide(_ conflict: UInt64, seen changed: UInt64, _ choice: Choice, nowMs: UInt64) throws -> Bool
    /// False: it was refused.
    func undo(_ conflict: UInt64, seen changed: UInt64, nowMs: UInt64) throws -> Bool
    /// What is wrong inside, nil if nothing: references, for one.
    func complaint() throws -> String?
    func greeting(of replica: UInt32) throws -> Greeting
    func split(_ asked: SplitAsked, nowMs: UInt64) throws -> (replica: UInt32, at: UInt64)
    /// What it keeps beside the tables that is neither log nor documented, at rest; nil when nothing.
    func excess() throws -> String?
    /// Something happens to its disk.
    func meet(_ fault: DiskFault) throws
    /// Its file is lost, and one of the images of it, by its place modulo their number, stands in its place.
    func lose(image: Int?, seat: SeatFate) throws
    /// True while it gathers what its sites know and gives nothing out.
    var isRecovering: Bool { get }
    func recoveryStep(of follower: Follower) throws -> RecoveryAsked?
    /// Throws when what a node has of its order is not what it has itself.
    func checkOrder(of follower: Follower) throws
    func wanted(_ offers: [SeenOffer], from follower: Follower) throws -> [Dot]
    /// Keeps what has come of what a site hands in.
    func keep(_ handed: Arrival, from follower: Follower) throws
    func noteHeard(_ follower: Follower, nowMs: UInt64) throws
    func acceptRecovery(nowMs: UInt64) throws
}

/// A node as the simulation drives it.
package protocol NodeEnd: AnyObject {
    var replica: UInt32 { get }
    /// One local transaction. A statement that is refused leaves no trace and the rest goes on. `afterEach` sees
    /// the rows after every statement. False: it was refused at its end and nothing of it stays.
    func transaction(_ writes: [UserWrite], afterEach: (UserWrite, Rows) -> Void) throws -> Bool
    /// The same with foreign keys, CHECK and NOT NULL not enforced.
    func uncheckedTransaction(_ writes: [UserWrite], afterEach: (UserWrite, Rows) -> Void) throws -> Bool
    func rows() throws -> Rows
    func seal(nowMs: UInt64) throws -> Dot?
    /// The bytes of a push of all own change sets behind a seq; of the first the hub holds so many segments.
    func pushBytes(after seq: UInt64, firstSegment: UInt64) throws -> [UInt8]
    /// What it asks for when it pulls.
    func pullRequest() throws -> PullRequest
    /// Takes in what has come of the answer to a pull.
    ///
    /// - Parameter isFollowing: it follows a restored hub, and goes on behind nothing that it keeps.
    /// - Returns: how many change sets its database has taken.
    func takePull(_ answer: Arrival, isFollowing: Bool, nowMs: UInt64) throws -> Int
    /// True when all that has come of a hub transaction is kept over a cut, however little it is.
    var keepsEverything: Bool { get }
    func position() throws -> UInt64
    func vector() throws -> VectorClock
    func inFlightCount() throws -> Int
    func asideCount() throws -> Int
    func complaint() throws -> String?
    /// Hears that the hub has its change sets up to a seq.
    func noteAcknowledged(_ seq: UInt64) throws
    /// Whether what the hub holds of it is what it has sealed.
    func fits(_ greeting: Greeting) throws -> Bool
    func splitAsked() throws -> SplitAsked
    func split(to replica: UInt32, at seq: UInt64, nowMs: UInt64) throws
    /// True when own change sets behind a seq have other stamps now.
    func restamp(above held: UInt64, hubMs: UInt64) throws -> Bool
    /// What it keeps beside the tables that is neither log nor documented, at rest; nil when nothing.
    func excess() throws -> String?
    func meet(_ fault: DiskFault) throws
    func follower() throws -> Follower
    /// What it has behind a position, and its own on the way.
    func offers(after position: UInt64) throws -> [SeenOffer]
    /// The bytes of change sets that it hands in.
    func handedBytes(_ dots: [Dot]) throws -> [UInt8]
    /// True when it has refused an order that lacks what it has.
    func isDiverged(_ error: any Error) -> Bool
}

// An end without a disk that fails.
extension HubEnd {
    package func excess() throws -> String? { nil }
    package func meet(_ fault: DiskFault) throws {}
    package func greeting(of replica: UInt32) throws -> Greeting {
        Greeting(seq: try vector()[replica], digest: [])
    }
    package func split(_ asked: SplitAsked, nowMs: UInt64) throws -> (replica: UInt32, at: UInt64) {
        throw Broken("nothing is split here")
    }
}

extension NodeEnd {
    package var keepsEverything: Bool { false }
    package func excess() throws -> String? { nil }
    package func noteAcknowledged(_ seq: UInt64) throws {}
    package func fits(_ greeting: Greeting) throws -> Bool { true }
    package func splitAsked() throws -> SplitAsked { throw Broken("nothing is split here") }
    package func split(to replica: UInt32, at seq: UInt64, nowMs: UInt64) throws {}
    package func restamp(above held: UInt64, hubMs: UInt64) throws -> Bool { false }
    package func meet(_ fault: DiskFault) throws {}
}

/// Makes the databases of a fleet.
package protocol FleetMaker {
    var catalogue: Catalogue { get }
    /// The number by which the bytes name a table of the catalogue.
    func number(ofTable table: Int) -> Int
    /// True for tables of Samband's own that travel with the hub's change sets: conflicts, withheld rows.
    func isSystem(table number: Int) -> Bool
    func makeHub(nowMs: UInt64) throws -> any HubEnd
    /// The hub's snapshot for a replica, as a node.
    func makeNode(for replica: UInt32, of hub: any HubEnd, nowMs: UInt64) throws -> any NodeEnd
    /// The file of a node on a second machine; nil where there are no machines.
    func copy(of node: any NodeEnd) throws -> (any NodeEnd)?
    /// True when nodes correct their clocks by what they measure.
    var measuresClocks: Bool { get }
}

extension FleetMaker {
    package func copy(of node: any NodeEnd) throws -> (any NodeEnd)? { nil }
    package var measuresClocks: Bool { false }
}
