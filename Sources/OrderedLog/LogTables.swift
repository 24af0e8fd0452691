/// The tables of the log and what stands beside it. All are STRICT; a comment says what each column is for.
package enum LogTables {
    package static let sql = """
        CREATE TABLE samband_replica(
          replica INTEGER PRIMARY KEY,             -- given out once, never again
          site TEXT NOT NULL,                      -- whose incarnation it is; '' is the hub itself
          state TEXT NOT NULL,                     -- active, replaced (by one split off), retired
          last_digest BLOB NOT NULL DEFAULT (zeroblob(32)), -- of its newest change set here: the next one names it
          sent INTEGER NOT NULL DEFAULT 0,         -- hub: the position up to which it has been given the order
          acknowledged INTEGER NOT NULL DEFAULT 0, -- hub: the position it has said it reached
          acknowledged_sealed INTEGER NOT NULL DEFAULT 0, -- hub: its last own seq when it said so
          last_contact INTEGER,                    -- hub: milliseconds since 1970
          clock_offset INTEGER,                    -- hub: milliseconds from the site's clock to the hub's, as it said
          split_from INTEGER,                      -- the replica that it was until its file was put back or copied
          split_seq INTEGER,                       -- the last change set of that one that is its own as well
          split_at INTEGER,                        -- milliseconds since 1970
          renumbered INTEGER NOT NULL DEFAULT 0,   -- hub: its change sets up to here had a number of that one before
          heard INTEGER,                           -- hub: its last own seq when it had handed in all it knows
          switch_from INTEGER,                     -- hub: behind this position it takes the order of this epoch …
          switch_at INTEGER                        -- hub: … up to the repair at this one without applying it
        ) STRICT;
        CREATE TABLE samband_split(
          ticket BLOB PRIMARY KEY NOT NULL,        -- hub: by what a site asked for a new replica number
          replica INTEGER NOT NULL                 -- the number that it was given, and is given again
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE samband_site(
          name TEXT PRIMARY KEY NOT NULL,
          state TEXT NOT NULL,                     -- invited, active, paused, retired
          token_digest BLOB,                       -- SHA-256 of the join token; the token itself is nowhere
          token_expires INTEGER,                   -- milliseconds since 1970
          secret_digest BLOB,                      -- SHA-256 of the secret that the node made
          bundle_key BLOB,                         -- hub: 32 bytes that the node made, for what comes in files
          next_digest BLOB,                        -- hub: of the secret that takes its place when it is first used
          next_bundle_key BLOB,                    -- hub: and the key that comes with it
          joined INTEGER,                          -- milliseconds since 1970
          last_contact INTEGER                     -- milliseconds since 1970
        ) STRICT;
        CREATE TABLE samband_epoch(
          number INTEGER PRIMARY KEY,              -- 0 for the first hub, one more with each restoration
          hub INTEGER NOT NULL,                    -- the hub's replica number in it
          base INTEGER NOT NULL,                   -- positions up to here are those of the epoch before
          began_at INTEGER NOT NULL                -- milliseconds since 1970
        ) STRICT;
        CREATE TABLE samband_vector(
          replica INTEGER PRIMARY KEY,
          seq INTEGER NOT NULL,                    -- seen up to here without a gap
          sealed INTEGER NOT NULL DEFAULT 0        -- what it was when this database last sealed
        ) STRICT;
        CREATE TABLE samband_change(
          id INTEGER PRIMARY KEY,                  -- order of arrival here; at the hub the position
          position INTEGER UNIQUE,                 -- place in the hub's order; NULL while in flight
          replica INTEGER NOT NULL,
          seq INTEGER NOT NULL,
          hlc INTEGER NOT NULL,
          hlc_reached INTEGER NOT NULL,            -- the greatest hlc at or before this position
          kind INTEGER NOT NULL,                   -- as in the header
          seen INTEGER NOT NULL,                   -- the position that its author had reached, as far as believed
          header BLOB NOT NULL,                    -- as the author wrote it
          digest BLOB NOT NULL,                    -- SHA-256 of the header
          key_hashes BLOB NOT NULL,                -- of its rows, ascending, eight bytes each, little-endian
          effective INTEGER NOT NULL,              -- 1: variant 1 of its segments is what the hub gives out
          ends_transaction INTEGER NOT NULL,       -- 1: the next position begins another hub transaction
          UNIQUE(replica, seq)
        ) STRICT;
        CREATE TABLE samband_segment(
          change INTEGER NOT NULL,
          variant INTEGER NOT NULL,                -- 0 as authored, 1 effective, 2 undo image
          number INTEGER NOT NULL,                 -- from 0
          digest BLOB NOT NULL,
          bytes BLOB NOT NULL,
          PRIMARY KEY(change, variant, number)
        ) STRICT;
        CREATE TABLE samband_staged(
          replica INTEGER NOT NULL,
          seq INTEGER NOT NULL,
          number INTEGER NOT NULL,                 -- segments of a change set that has not come whole yet
          digest BLOB NOT NULL,
          bytes BLOB NOT NULL,
          PRIMARY KEY(replica, seq, number)
        ) STRICT;
        CREATE TABLE samband_handed(
          id INTEGER PRIMARY KEY,                  -- hub: a change set that a site handed in after a restoration
          replica INTEGER NOT NULL,
          seq INTEGER NOT NULL,
          digest BLOB NOT NULL,
          sender INTEGER NOT NULL,                 -- the replica that handed it in
          epoch INTEGER NOT NULL,                  -- how many epochs the sender knew
          floor INTEGER NOT NULL,                  -- up to this position sender and hub mean the same
          place INTEGER,                           -- its position in the lost order, where the sender knew it
          is_whole INTEGER NOT NULL,               -- 1: as authored; 0: what the lost hub gave out of it
          state TEXT NOT NULL,                     -- waiting, taken, noted (a lost hub's own), refused
          why TEXT,                                -- of a refused one
          header BLOB NOT NULL,
          UNIQUE(replica, seq, digest)
        ) STRICT;
        CREATE TABLE samband_handed_segment(
          handed INTEGER NOT NULL,
          number INTEGER NOT NULL,
          bytes BLOB NOT NULL,
          PRIMARY KEY(handed, number)
        ) STRICT;
        CREATE TABLE samband_aside(
          table_number INTEGER NOT NULL,
          canonical BLOB NOT NULL,                 -- the row's key in canonical form
          row BLOB NOT NULL,                       -- one segment holding the whole row
          PRIMARY KEY(table_number, canonical)
        ) STRICT;
        CREATE TABLE samband_conflict(
          id INTEGER PRIMARY KEY,
          kind TEXT NOT NULL,                      -- insert, cell, delete_update, unique, foreign_key, check, …
          table_number INTEGER NOT NULL,
          table_name TEXT NOT NULL,
          key BLOB NOT NULL,                       -- the key's values
          canonical BLOB NOT NULL,                 -- the key in canonical form
          column_index INTEGER,                    -- data column; NULL when it is about the whole row
          column_name TEXT,
          state TEXT NOT NULL,                     -- open, settled
          settlement TEXT,                         -- policy, write, person
          opened_at INTEGER NOT NULL,              -- milliseconds since 1970
          changed INTEGER NOT NULL,                -- position of the hub transaction that last touched it
          base BLOB NOT NULL,                      -- the value, or the row, before
          sides BLOB NOT NULL,
          settled_by BLOB,
          decided_by TEXT,
          decided_at INTEGER,
          decided_how TEXT,
          reason TEXT,
          earlier BLOB NOT NULL DEFAULT x'',       -- decisions that were taken back, and by whom
          shown TEXT                               -- while open: key, base and sides as JSON, for samband_dispute
        ) STRICT;
        CREATE INDEX samband_conflict_row ON samband_conflict(table_number, canonical);
        CREATE TABLE samband_withheld(
          id INTEGER PRIMARY KEY,
          conflict INTEGER NOT NULL,
          table_number INTEGER NOT NULL,
          table_name TEXT NOT NULL,
          key BLOB NOT NULL,
          canonical BLOB NOT NULL,
          replica INTEGER NOT NULL,                -- whose change set it is a row of
          seq INTEGER NOT NULL,
          state TEXT NOT NULL,                     -- withheld, superseded, admitted, discarded, released
          operation INTEGER NOT NULL,
          row BLOB NOT NULL,                       -- one segment holding the operation with all its values
          shown TEXT                               -- while withheld: key and row as JSON, for samband_waiting
        ) STRICT;
        CREATE INDEX samband_withheld_row ON samband_withheld(table_number, canonical);
        CREATE INDEX samband_withheld_conflict ON samband_withheld(conflict);
        CREATE TABLE samband_join(
          id INTEGER PRIMARY KEY,
          table_number INTEGER NOT NULL,
          table_name TEXT NOT NULL,
          key BLOB NOT NULL,                       -- of the row that went
          canonical BLOB NOT NULL,
          into_key BLOB NOT NULL,                  -- of the row that remains
          position INTEGER NOT NULL,               -- of the join in the hub's order
          conflict INTEGER NOT NULL,               -- that it settled; 0 when none
          joined_by TEXT NOT NULL,
          joined_at INTEGER NOT NULL,              -- milliseconds since 1970
          reason TEXT,
          undone_by TEXT,
          undone_at INTEGER,
          undone_reason TEXT
        ) STRICT;
        CREATE INDEX samband_join_row ON samband_join(table_number, canonical);
        CREATE TABLE samband_led_on(
          join_id INTEGER NOT NULL,                -- hub: what came in after a join and was led to the row that remains
          table_number INTEGER NOT NULL,
          key BLOB NOT NULL,                       -- of a row whose reference was led on
          withheld INTEGER                         -- a write of the row that went, kept under this number
        ) STRICT;
        CREATE TABLE samband_wait(
          table_number INTEGER NOT NULL,           -- hub: what a withheld row waits for
          hash INTEGER NOT NULL,                   -- the key hash of a row of that table; 0 for any row of it
          withheld INTEGER NOT NULL,
          PRIMARY KEY(table_number, hash, withheld)
        ) STRICT, WITHOUT ROWID;
        """
}
