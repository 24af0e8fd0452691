// The system's SQLite (libsqlite3-dev), with the few things that Swift cannot import by itself:
// variadic functions and macros that cast an integer to a function pointer.
#ifndef SAMBAND_CSQLITE_SHIM_H
#define SAMBAND_CSQLITE_SHIM_H

#include <sqlite3.h>

/// sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, on, &now): 1 when triggers fire afterwards, 0 when
/// not, a negative result code when the call failed. https://www.sqlite.org/c3ref/c_dbconfig_defensive.html
static inline int samband_set_triggers(sqlite3 *db, int on) {
    int now = -1;
    int rc = sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, on, &now);
    return rc == SQLITE_OK ? now : -rc;
}

/// sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1): the result code.
/// https://www.sqlite.org/c3ref/c_dbconfig_defensive.html
static inline int samband_keep_log_on_close(sqlite3 *db) {
    return sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)0);
}

/// The destructor constants SQLITE_STATIC and SQLITE_TRANSIENT are casts that Swift does not import:
static inline int samband_bind_text_static(sqlite3_stmt *s, int i, const void *p, int n) {
    return sqlite3_bind_text(s, i, (const char *)p, n, SQLITE_STATIC);
}
static inline int samband_bind_blob_static(sqlite3_stmt *s, int i, const void *p, int n) {
    return sqlite3_bind_blob(s, i, p, n, SQLITE_STATIC);
}
static inline int samband_bind_text_copy(sqlite3_stmt *s, int i, const void *p, int n) {
    return sqlite3_bind_text(s, i, (const char *)p, n, SQLITE_TRANSIENT);
}
static inline int samband_bind_blob_copy(sqlite3_stmt *s, int i, const void *p, int n) {
    return sqlite3_bind_blob(s, i, p, n, SQLITE_TRANSIENT);
}

#endif
