import CSQLite

extension Connection {
    /// Gives this connection the aggregate `samband_or(x)`: the bitwise OR of its 64-bit integers, NULLs left
    /// out, 0 for no rows. Capture's masks are joined with it.
    package func registerBitwiseOr() throws(SQLiteError) {
        let flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC
        let code = sqlite3_create_function_v2(
            database, "samband_or", 1, flags, nil, nil, orStep, orFinal, nil)
        guard code == SQLITE_OK else { throw failure(code, doing: "register samband_or") }
    }
}

private func orStep(
    _ context: OpaquePointer?, _ count: Int32, _ values: UnsafeMutablePointer<OpaquePointer?>?
) {
    guard let sum = sqlite3_aggregate_context(context, 8), let values else {
        sqlite3_result_error_nomem(context)
        return
    }
    sum.assumingMemoryBound(to: Int64.self).pointee |= sqlite3_value_int64(values[0])
}

private func orFinal(_ context: OpaquePointer?) {
    // A context asked for with size 0 here is NULL when no row was seen.
    let sum = sqlite3_aggregate_context(context, 0)
    sqlite3_result_int64(context, sum?.assumingMemoryBound(to: Int64.self).pointee ?? 0)
}
