import Replication

extension Fleet {
    func disk(_ index: Int, _ fault: DiskFault) throws {
        sites[index].isGreeted = false
        switch fault {
        case .image:
            try sites[index].node.meet(.image)
            backups[index] = sites[index]
        case .restore:
            guard let backup = backups[index] else { return }
            try sites[index].node.meet(.restore)
            putBack(index, as: backup)
        default: try sites[index].node.meet(fault)
        }
    }

    /// The site is as it was when its file was backed up. What it had sent may still arrive; what was sent to it not.
    private func putBack(_ index: Int, as backup: Site) {
        hasForks = true
        let skewMs = sites[index].skewMs
        sites[index] = backup
        sites[index].skewMs = skewMs
        sites[index].isGreeted = false
        mailbox.removeAll { $0.site == index && !$0.isPush }
    }

    /// A second machine runs from a copy of the site's file from now on, and is a site of that name too.
    func copy(_ index: Int) throws {
        guard sites.count < Scenario.names.count, let node = try maker.copy(of: sites[index].node) else { return }
        hasForks = true
        sites.append(sites[index].copied(node))
        sites[index].isGreeted = false
    }

    /// All disks work again.
    package func endDiskFaults() throws {
        try hub.meet(.mended)
        for site in sites { try site.node.meet(.mended) }
    }
}
