import HTTP

extension Option {
    static let listen = Option(
        "listen", "ADDRESS", "where sites reach it: default 127.0.0.1:7420; or [::]:7420, unix:PATH")
    fileprivate static let acceptClock = Option(
        "accept-clock", nil, "the machine's clock is right, though it is a day or more off the last time known")
    fileprivate static let nodeListen = Option(
        "listen", "ADDRESS", "The status page of a node comes with a later version.", isLater: true)
}

extension Verb {
    static let hubServe = Verb(
        "hub serve", "run the hub until it is told to end",
        details: [
            "SIGTERM or Ctrl-C ends it when begun requests have their answers; a second one ends it at once.",
            "Operators of this machine reach it through FILE-samband.sock.",
        ],
        options: [.database, .listen, .insecureHTTP, .acceptClock],
        examples: ["samband hub serve --db hub.db --listen unix:/run/samband/hub.sock"],
        task: { _ in "run the hub" },
        run: { invocation, context in
            let text = invocation.value(.listen) ?? "127.0.0.1:7420"
            guard let endpoint = Endpoint(text) else {
                throw CommandError.words(
                    "--listen \(text) is no address",
                    hint: "Write 127.0.0.1:7420, [::1]:7420 or unix:PATH. https is nginx's part in front.")
            }
            if !endpoint.isOfThisMachine {
                guard invocation.flag(.insecureHTTP) else {
                    throw CommandError.words(
                        "--listen \(text) is plain http:// for other machines, and whoever is on the way reads it",
                        hint: "Let nginx speak https in front: --listen unix:PATH. On a network that only your own "
                            + "machines share, add --insecure-http.")
                }
                try context.console.note(HubAddress.warning)
            }
            let database = try DatabaseFile(existing: try invocation.required(.database))
            return try await HubServer(
                database, endpoint, acceptsClock: invocation.flag(.acceptClock), context
            ).run()
        })

    static let nodeServe = Verb(
        "node serve", "run a site's node until it is told to end",
        details: [
            "Applications write the database as they always did; the node ships what changed and takes in the rest.",
            "SIGTERM or Ctrl-C ends it; a second one ends it at once. What was not sent yet is sent next time.",
        ],
        options: [.database, .nodeListen],
        examples: ["samband node serve --db snasa.db"],
        task: { _ in "run the node" },
        run: { invocation, context in
            let database = try DatabaseFile(existing: try invocation.required(.database))
            return try await NodeRunner(database, context).run()
        })
}
