import HTTP
import JSONText

/// Answers as a hub and a node give them, with what a hostile site may have written.
enum Sample {
    static let conflict = #"""
        {"id":17,"kind":"cell","table":"referral","key":{"id":"r-1"},"column":"status","state":"open",
        "opened_at":"2026-11-21T19:46:00Z","base":"new","now":"accepted","sides":[
        {"site":"snasa","change":"8070:41","written_at":"2026-11-21T19:40:12Z","value":"accepted"},
        {"site":"verran","change":"521:7","written_at":"2026-11-21T19:41:00Z","value":"decl\u001b[2Jined\u202e"}],
        "decision":null}
        """#
    static let settled = conflict.replacing("\"open\"", with: "\"settled\"")
        .replacing(
            "\"decision\":null",
            with:
                #""decision":{"by":"kari","at":"2026-11-21T20:00:00Z","how":"take","reason":"agreed\nby phone"}"#
        )
    static let shown =
        #"{"conflict":\#(conflict),"changed":3,"row":{"id":"r-1","status":"accepted"},"parents":[],"standing":[],"#
        + #""withheld":[],"choices":[\#(cellChoices)],"earlier":[]}"#
    private static let cellChoices = #"""
        {"how":"take","site":"snasa","columns":[]},{"how":"take","site":"verran","columns":[]},
        {"how":"take","site":"now","columns":[]},{"how":"set","site":null,"columns":["status"]}
        """#
    static let rowConflict = #"""
        {"conflict":{"id":18,"kind":"delete_update","table":"bed","key":{"id":1},"column":null,"state":"open",
        "opened_at":"2026-11-21T19:46:00Z","base":{"id":1,"ward":"A"},"now":{"id":1,"ward":"B"},"sides":[
        {"site":"snasa","change":"8070:42","written_at":"2026-11-21T19:40:12Z","value":null},
        {"site":"verran","change":"521:8","written_at":"2026-11-21T19:41:00Z","value":{"id":1,"ward":"B"}}],
        "decision":null},"changed":5,"row":{"id":1,"ward":"B"},"parents":[],"children":["stay"],"standing":[],"withheld":[
        {"id":3,"conflict":18,"table":"stay","key":{"id":9},"site":"snasa","change":"8070:42","operation":"insert",
        "values":{"id":9,"note":"x\r\ny"}}],"choices":[{"how":"take","site":"snasa","columns":[]},
        {"how":"take","site":"verran","columns":[]},{"how":"restore","site":null,"columns":[]},
        {"how":"delete","site":null,"columns":[]}],"earlier":[]}
        """#
    /// Two sites gave one bed away; the one that came second waits.
    static let unique = #"""
        {"conflict":{"id":19,"kind":"unique","table":"bed_night","key":{"id":"n-2"},"column":null,"state":"open",
        "opened_at":"2026-11-21T19:46:00Z","base":null,"now":null,"sides":[
        {"site":"snasa","change":"8070:43","written_at":"2026-11-21T19:40:12Z","value":{"id":"n-1","bed":3}},
        {"site":"verran","change":"521:9","written_at":"2026-11-21T19:41:00Z","value":{"id":"n-2","bed":3}}],
        "decision":null},"changed":7,"row":null,"parents":[
        {"table":"bed_night","columns":["referral"],"parent":"referral","key":{"id":"r-1"},"state":"present",
        "withheld":null},
        {"table":"bed_night","columns":["ward"],"parent":"ward","key":{"id":"w\u001b"},"state":"withheld","withheld":8}],
        "standing":[{"table":"bed_night","key":{"id":"n-1"},"row":{"id":"n-1","bed":3}}],
        "withheld":[{"id":4,"conflict":19,"table":"bed_night","key":{"id":"n-2"},"site":"verran","change":"521:9",
        "operation":"insert","values":{"bed":3}}],"choices":[{"how":"take","site":"snasa","columns":[]},
        {"how":"take","site":"verran","columns":[]},{"how":"take","site":"now","columns":[]},
        {"how":"admit","site":null,"columns":[]},{"how":"set","site":null,"columns":["bed","night"]},
        {"how":"discard","site":null,"columns":[]}],"earlier":[]}
        """#
    static let hub = #"""
        {"role":"hub","fleet":"DMS Inn-Trøndelag","replica":391,"schema_version":1,"vector":{"391":12,"8070":41},
        "frontier":{"391":9,"8070":41},"conflicts":{"open":1},"withheld":0,
        "backup":{"at":"2026-11-21T02:00:00Z","position":40},"sites":[{"name":"snasa","state":"active",
        "replica":8070,"connected":true,"last_contact":"2026-11-21T19:46:00Z","behind":0},{"name":"verran",
        "state":"added","replica":null,"connected":false,"last_contact":null,"behind":12}]}
        """#
    static let node = #"""
        {"role":"node","fleet":"DMS","site":"snasa","replica":8070,"hub":"http://hub:7420","link":"down",
        "link_since":"2026-11-21T19:46:00Z","last_contact":null,"pending":14,"in_flight":2,"schema_version":1,
        "vector":{"391":12,"8070":41},"conflicts":{"open":0},"withheld":1}
        """#

    /// The conflict that is within one of the answers above.
    static func conflict(of shown: String) throws -> String {
        let json = try JSON(parsing: Array(shown.utf8))
        return String(decoding: try json["conflict"]!.bytes(), as: UTF8.self)
    }
}
