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
        #"{"conflict":\#(conflict),"changed":3,"row":{"id":"r-1","status":"accepted"},"withheld":[]}"#
    static let rowConflict = #"""
        {"conflict":{"id":18,"kind":"delete_update","table":"bed","key":{"id":1},"column":null,"state":"open",
        "opened_at":"2026-11-21T19:46:00Z","base":{"id":1,"ward":"A"},"now":{"id":1,"ward":"B"},"sides":[
        {"site":"snasa","change":"8070:42","written_at":"2026-11-21T19:40:12Z","value":null},
        {"site":"verran","change":"521:8","written_at":"2026-11-21T19:41:00Z","value":{"id":1,"ward":"B"}}],
        "decision":null},"changed":5,"row":{"id":1,"ward":"B"},"withheld":[
        {"id":3,"conflict":18,"table":"stay","key":{"id":9},"site":"snasa","change":"8070:42","operation":"insert",
        "values":{"id":9,"note":"x\r\ny"}}]}
        """#
    static let hub = #"""
        {"role":"hub","fleet":"DMS Inn-Trøndelag","replica":391,"schema_version":1,"vector":{"391":12,"8070":41},
        "frontier":{"391":9,"8070":41},"conflicts":{"open":1},"withheld":0,"sites":[{"name":"snasa","state":"active",
        "replica":8070,"connected":true,"last_contact":"2026-11-21T19:46:00Z","behind":0},{"name":"verran",
        "state":"added","replica":null,"connected":false,"last_contact":null,"behind":12}]}
        """#
    static let node = #"""
        {"role":"node","fleet":"DMS","site":"snasa","replica":8070,"hub":"http://hub:7420","link":"down",
        "link_since":"2026-11-21T19:46:00Z","last_contact":null,"pending":14,"in_flight":2,"schema_version":1,
        "vector":{"391":12,"8070":41},"conflicts":{"open":0},"withheld":1}
        """#
}
