/// Points in time, the earliest first: a binary heap. An entry is never taken out early; whoever pops it checks
/// whether it still holds, so that putting a deadline off costs nothing.
struct Deadlines {
    struct Entry {
        let atMs: Int
        let token: UInt64
    }

    private var heap: [Entry] = []

    /// When the earliest entry is due, nil when there is none.
    var nextMs: Int? { heap.first?.atMs }

    mutating func push(_ entry: Entry) {
        heap.append(entry)
        var index = heap.count - 1
        while index > 0, heap[(index - 1) / 2].atMs > heap[index].atMs {
            heap.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    /// Takes out the earliest entry if it is due at `nowMs`.
    mutating func popDue(_ nowMs: Int) -> Entry? {
        guard let first = heap.first, first.atMs <= nowMs else { return nil }
        let last = heap.removeLast()
        guard !heap.isEmpty else { return first }
        heap[0] = last
        var index = 0
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2] where child < heap.count {
                if heap[child].atMs < heap[least].atMs { least = child }
            }
            if least == index { return first }
            heap.swapAt(index, least)
            index = least
        }
    }
}
