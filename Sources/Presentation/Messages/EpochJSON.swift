import JSONText
import ReplicaStore

/// How the epochs of a hub go over the line: the place in the array is the number of the epoch.
extension Form where Value == [Epoch] {
    package static var epochs: Form {
        Form(
            name: "array of objects, at least one",
            write: { .array($0.map { ["hub": .integer(Int64($0.hub)), "base": .integer(Int64($0.base))] }) },
            read: { json in
                guard let members = json.array, !members.isEmpty else { return nil }
                var epochs: [Epoch] = []
                for member in members {
                    guard let hub = member["hub"].flatMap(Form<UInt32>.replica.read),
                        let base = member["base"].flatMap(Form<UInt64>.count.read)
                    else { return nil }
                    epochs.append(Epoch(number: UInt64(epochs.count), hub: hub, base: base))
                }
                return epochs
            },
            inner: [
                FieldDescription("hub", Form<UInt32>.replica.name, .required, "the hub's replica in this epoch"),
                FieldDescription("base", Form<UInt64>.count.name, .required, "the position at which it began"),
            ])
    }
}
