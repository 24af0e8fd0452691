import Replication

extension Fleet {
    func disk(_ index: Int, _ fault: DiskFault) throws {
        if sites[index].isRefused { return }
        switch fault {
        case .image:
            try sites[index].node.meet(.image)
            backups[index] = sites[index]
        case .restore:
            guard let backup = backups[index] else { return }
            try sites[index].node.meet(.restore)
            try putBack(index, as: backup)
        default: try sites[index].node.meet(fault)
        }
    }

    /// The site is as it was when its file was backed up. What it had on the way is gone with its old machine.
    private func putBack(_ index: Int, as backup: Site) throws {
        sites[index] = backup
        mailbox.removeAll { $0.site == index }
        let replica = backup.node.replica
        let own = backup.known[replica, default: 0]
        sites[index].isForked = try backup.isForked || hub.vector()[replica] > own
        // What it sealed since and nobody else has is lost with the file that was replaced.
        for (dot, set) in history.sets where dot.replica == replica && dot.seq > own && set.position == nil {
            history.sets[dot] = nil
        }
    }

    /// What a site with a file put back seals may be, to the byte, what it sealed the first time. Once that is so of all
    /// that the hub has of it, nothing tells the two files apart.
    func compareAgain(_ index: Int, _ set: RecordedSet) throws {
        guard let first = history.sets[set.dot], !sites[index].hasDiverged, first.hlc == set.hlc,
            first.context == set.context, first.seen == set.seen, first.writes == set.writes
        else {
            sites[index].hasDiverged = true
            return
        }
        sites[index].isForked = try hub.vector()[set.dot.replica] > set.dot.seq
    }

    /// All disks work again, and every file that was put back to before what the hub has of it must have been refused
    /// by the end of the next exchange.
    package func endDiskFaults() throws {
        try hub.meet(.mended)
        for site in sites { try site.node.meet(.mended) }
    }
}
