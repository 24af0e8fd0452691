import HTTP
import Presentation
import TableModel

/// Changing the node's secrets while it goes on working: the hub learns the next ones under the former, which open until
/// the next are first used. Whatever is lost or crashes on the way, one of the two opens, and doing it again ends it.
extension NodeService {
    /// Changes the secrets; a change that was begun and not ended is ended.
    package func rotate() async throws(ExchangeError) {
        let doing = "changing the node's secrets"
        guard let folder = secretsFolder, !isRotating else {
            throw .store(
                StoreError(
                    .busy, doing: doing,
                    why: secretsFolder == nil ? "this process does not keep them" : "it is under way",
                    hint: "Try again in a moment."))
        }
        guard !folder.areHandedOver else {
            throw .store(
                StoreError(
                    .refused, doing: doing, why: "systemd hands them over, where a node cannot write",
                    hint:
                        "Put them into \(folder.path) as token and bundle-key, mode 600; leave the credential out then."
                ))
        }
        isRotating = true
        defer { isRotating = false }
        let next = try storing { () throws(StoreError) in try folder.next() }
        try await offer(next)
        try storing { () throws(StoreError) in try folder.takeUpNext() }
        secret = next.token
        noteContact()
        // The first use ends the former: at once, rather than with whatever is sent next.
        isGreeted = false
        hubState = nil
        _ = try await greet()
    }

    private func offer(_ secrets: NodeSecrets) async throws(ExchangeError) {
        let _: Message<EmptyAnswer> = try await ask(["v1", "rotate"], secrets.message, "a change of secrets")
    }

    /// A change of secrets that a crash has cut short, or whose answer was lost, is ended: the node would otherwise hold
    /// secrets that nobody uses. What fails is tried again with the next exchange.
    func endRotation() async {
        guard let folder = secretsFolder, !isRotating, folder.isChanging else { return }
        try? await rotate()
    }

    /// The hub does not know our secret. It may have been restored from a backup of before they were changed: then it
    /// knows the former, and learns the present ones again.
    ///
    /// - Returns: false when the former is not known either.
    func introduceAgain() async -> Bool {
        // Without a former there is nothing to try.
        guard let folder = secretsFolder, !isRotating, let former = folder.formerToken(), former != secret,
            let present = try? folder.read()
        else { return false }
        isRotating = true
        defer { isRotating = false }
        secret = former
        defer { secret = present.token }
        do { try await offer(present) } catch { return false }
        return true
    }

    /// `node rotate`, through the control socket.
    func rotateRoute() async throws(Problem) -> Response {
        do {
            try await rotate()
        } catch {
            throw problem(error)
        }
        return try .json(["site": .string(store.site), "rotated": true])
    }
}
