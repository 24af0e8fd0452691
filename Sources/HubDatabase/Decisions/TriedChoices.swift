import Explaining
import RecordViews
import Replication
import TableModel

/// The hub tries each choice that fits a conflict, and takes it back: only what would be done is offered.
extension HubStore {
    package func conflictDetail(_ id: UInt64, trying: Bool) throws(StoreError) -> ConflictDetail? {
        let detail = try storing("showing conflict \(id)") {
            try conflictTable.record(id).map { try views.detail($0) }
        }
        return trying ? detail.map { tried($0) } : detail
    }

    package func withheldDetail(_ id: UInt64) throws(StoreError) -> WithheldDetail? {
        var detail = try storing("showing withheld row \(id)") {
            try conflictTable.withheld(id: id).map { try views.detail($0) }
        }
        if let conflict = detail?.conflict { detail?.conflict = tried(conflict) }
        return detail
    }

    /// Where nothing can be written at this moment – the hub gathers, the disk is full – what fits is offered untried.
    private func tried(_ detail: ConflictDetail) -> ConflictDetail {
        var tried = detail
        tried.choices = []
        for choice in detail.choices {
            if let why = refusal(of: choice, detail.view.record.id) {
                tried.refused.append(RefusedChoice(choice: choice, why: why))
            } else {
                tried.choices.append(choice)
            }
        }
        return tried
    }

    /// Why a choice would be refused now; nil when it would be taken, or cannot be tried.
    private func refusal(of choice: FittingChoice, _ id: UInt64) -> String? {
        guard let whole = choice.whole else { return nil }
        // A refusal is caught inside the trial: one that is thrown out of a transaction makes the hub read anew what its
        // memory knows. What cannot be tried is no refusal.
        let why: String?? = try? trying("trying a choice of conflict \(id)", dryRun: true, audit: nil) {
            do {
                _ = try resolveInTransaction(
                    id, whole, changed: nil, by: "", reason: nil, nowMs: HybridClock.milliseconds(clock.last))
                return nil
            } catch let error as StoreError where [.refused, .misused, .missing, .diverged].contains(error.kind) {
                return error.why
            }
        }
        return why ?? nil
    }
}
