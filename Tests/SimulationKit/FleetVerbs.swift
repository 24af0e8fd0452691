import Replication

/// The fleet in the words of the domain: a test reads as a story.
extension Fleet {
    package func write(_ name: String, _ writes: UserWrite...) throws {
        try perform(.write(index(of: name), writes))
    }

    package func write(_ name: String, _ sql: String) throws {
        try perform(.write(index(of: name), [.sql(sql)]))
    }

    package func seal(_ name: String) throws { try perform(.seal(index(of: name))) }

    package func push(_ name: String, _ fault: Fault = .none) throws {
        try perform(.push(index(of: name), fault))
    }

    package func pull(_ name: String, _ fault: Fault = .none) throws {
        try perform(.pull(index(of: name), fault))
    }

    /// Seals, pushes and pulls.
    package func sync(_ names: String...) throws {
        for name in names {
            try seal(name)
            try push(name)
            try pull(name)
        }
    }

    /// Seals and pushes, but takes nothing in.
    package func send(_ names: String...) throws {
        for name in names {
            try seal(name)
            try push(name)
        }
    }

    /// Something happens to the disk of a site's machine, or of the hub's.
    package func disk(_ name: String, _ fault: DiskFault) throws {
        try perform(.disk(name == "hub" ? nil : index(of: name), fault))
    }

    /// A second machine runs from a copy of the site's file: a site behind the others, by the name that is returned.
    @discardableResult
    package func copy(_ name: String) throws -> Int {
        try perform(.copy(index(of: name)))
        return sites.count - 1
    }

    package func clock(_ name: String, _ skewMs: Int64) throws { try perform(.clock(index(of: name), skewMs)) }

    package func loseHub(image: Int?, _ seat: SeatFate) throws { try perform(.loseHub(image, seat)) }

    package func wait(_ ms: UInt64) throws { try perform(.wait(ms)) }

    package func deliver(_ place: Int) throws { try perform(.deliver(place)) }

    package func rows(_ name: String) throws -> Rows { try sites[index(of: name)].node.rows() }
}

extension Fleet {
    package func openConflicts() throws -> [SeenConflict] {
        try hub.conflicts().filter { $0.life.isOpen }.sorted { $0.id < $1.id }
    }

    /// An operator settles the open conflict of this kind.
    package func decide(_ kind: SeenConflict.Kind, column: Int? = nil, _ choice: Choice) throws {
        let open = try openConflicts()
        guard let place = open.firstIndex(where: { $0.kind == kind && $0.column == column }) else {
            throw Broken("no open conflict of kind \(kind)")
        }
        try perform(.decide(place, choice))
    }

    /// The value of the side that a site stands for.
    package func side(of name: String, in conflict: SeenConflict) -> ConflictSide? {
        let replica = sites[index(of: name)].node.replica
        return conflict.life.sides.first { $0.dot.replica == replica }
    }
}
