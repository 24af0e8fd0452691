import Glibc

@_silgen_name("samband_count_begin") private func countBegin()
@_silgen_name("samband_count_end") private func countEnd() -> Int

/// The decoder that SAMBAND_FUZZ names.
private let target: Target = {
    let name = getenv("SAMBAND_FUZZ").map { String(cString: $0) } ?? ""
    guard let target = targets[name] else {
        print("SAMBAND_FUZZ names none of: \(targets.keys.sorted().joined(separator: " "))")
        exit(64)
    }
    return target
}()

/// What libFuzzer calls with each input. https://llvm.org/docs/LibFuzzer.html
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    let target = target
    countBegin()
    target.run(bytes)
    let most = countEnd()
    let allowed = 64 << 10 + target.memoryPerByte * count
    if most > allowed { fatalError("\(most) bytes were held for \(count) that came, and \(allowed) may be") }
    return 0
}
