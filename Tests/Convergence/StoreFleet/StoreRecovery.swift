import HubService
import NodeService
import Replication
import SimulationKit

@testable import TableModel

/// What a restored hub and its sites say to each other, as the services do it.
extension StoreHub {
    var isRecovering: Bool { store.isRecovering }

    func recoveryStep(of follower: Follower) throws -> RecoveryAsked? {
        switch try store.recoveryStep(of: follower.replica, epochs: follower.known, sealed: follower.sealed) {
        case nil: nil
        case .handIn(let position): .handIn(after: position)
        // (It asks nobody who has not said where its log begins to join anew.)
        case .wait, .rejoin: .wait
        case .follow(let from, let at): .follow(from: from, at: at)
        }
    }

    func checkOrder(of follower: Follower) throws {
        try store.checkOrder(of: follower.replica, position: follower.position, digest: follower.digest)
    }

    func wanted(_ offers: [SeenOffer], from follower: Follower) throws -> [Dot] {
        let offers = offers.map { OfferedSet(dot: $0.dot, digest: $0.digest, place: $0.place, isWhole: $0.isWhole) }
        return try store.wanted(offers, from: follower.replica, epochs: follower.known)
    }

    func keep(_ handed: Arrival, from follower: Follower) throws {
        var intake = HandedIntake(from: follower.replica, epochs: follower.known)
        for piece in handed.pieces { try intake.take(piece, store) }
        if handed.isCut { try intake.keepWhole(store) } else { try intake.finish(store) }
    }

    func noteHeard(_ follower: Follower, nowMs: UInt64) throws {
        try store.noteHeard(follower.replica, epochs: follower.known, sealed: follower.sealed, nowMs: nowMs)
    }

    func acceptRecovery(nowMs: UInt64) throws { try store.acceptRecovery(nowMs: nowMs) }

    /// All that a recovery changes, to see whether something has.
    func recoveryState() throws -> String {
        let handed = try reader.firstString(
            "SELECT group_concat(id || state || is_whole || sender || coalesce(place, ''), ' ') FROM samband_handed")
        let heard = try reader.firstString(
            """
            SELECT group_concat(replica || ' ' || coalesce(heard, '') || ' ' || coalesce(switch_from, '') || ' '
              || coalesce(switch_at, ''), ';') FROM samband_replica
            """)
        let recovering = try reader.firstInteger("SELECT value FROM samband_meta WHERE name = 'recovering'") ?? 0
        return "\(try store.lastPosition()) \(recovering) \(heard ?? "") \(handed ?? "")"
    }
}

extension StoreNode {
    /// The hub that it follows.
    func hub() throws -> UInt64 { UInt64(try store.epochs().last?.hub ?? 0) }

    func follower() throws -> Follower {
        Follower(
            replica: replica,
            epochs: try store.epochs().map { SeenEpoch(number: $0.number, hub: $0.hub, base: $0.base) },
            sealed: try store.sealedSeq(), position: try store.position(), digest: try store.digestAtPosition())
    }

    func offers(after position: UInt64) throws -> [SeenOffer] {
        try store.offers(after: position).map {
            SeenOffer(dot: $0.dot, digest: $0.digest, place: $0.place, isWhole: $0.isWhole)
        }
    }

    func handedBytes(_ dots: [Dot]) throws -> [UInt8] {
        var stream = HandedStream(dots)
        var bytes: [UInt8] = []
        while let piece = try stream.next(from: store) { bytes += piece }
        return bytes
    }

    func isDiverged(_ error: any Error) -> Bool { (error as? StoreError)?.kind == .diverged }
}

extension Follower {
    fileprivate var known: [Epoch] { epochs.map { Epoch(number: $0.number, hub: $0.hub, base: $0.base) } }
}
