#!/usr/bin/env python3
"""Reads Samband's bytes as Protocol/Bytes.md describes them, and checks the golden vectors with that.

Usage: decode.py [FOLDER]        checks all vectors of FOLDER (default: Protocol/Vectors)
       decode.py --show KIND     prints the meaning of hexadecimal text from standard input
       decode.py --self-test     shows that the check can fail

The reader itself is bytes_of_the_page.py. Standard library only. The folder's README.md describes its files.
"""
import hashlib
import json
import pathlib
import sqlite3
import struct
import sys

from bytes_of_the_page import Refused, canonical, key_hash, read_frames, read_header, read_segment

HOME = pathlib.Path(__file__).resolve().parents[2] / "Protocol" / "Vectors"

READERS = {
    "segment": read_segment,
    "header": read_header,
    "frames": read_frames,
    "sha256": lambda data: {"sha256": hashlib.sha256(data).hexdigest()},
}


def read_hex(text):
    """`0a 00*65536`: white space parts the pieces, * repeats one, # begins a remark."""
    data = bytearray()
    for line in text.splitlines():
        for piece in line.split("#", 1)[0].split():
            digits, _, times = piece.partition("*")
            data += bytes.fromhex(digits) * int(times or 1)
    return bytes(data)


def plain(meaning):
    """The same meaning with all bytes as plain hexadecimal text, so that two can be compared."""
    if isinstance(meaning, list):
        return [plain(part) for part in meaning]
    if not isinstance(meaning, dict):
        return meaning
    if "text" in meaning:
        return {"text_bytes": meaning["text"].encode().hex()}
    packed = {"blob", "text_bytes", "bytes", "scope", "previous", "digest"}
    lists = {"segments", "effective_segments"}
    out = {}
    for name, part in meaning.items():
        if name in packed:
            out[name] = read_hex(part).hex()
        elif name in lists:
            out[name] = [read_hex(one).hex() for one in part]
        else:
            out[name] = plain(part)
    return out


def sqlite_finds_equal(database, one, other, collation):
    """Asks SQLite itself whether two values of a key column are one."""
    def operand(cell):
        if "integer" in cell:
            return "?", int(cell["integer"])
        if "real_bits" in cell:
            return "?", struct.unpack(">d", bytes.fromhex(cell["real_bits"]))[0]
        if "text_bytes" in cell:
            return "CAST(? AS TEXT)", bytes.fromhex(cell["text_bytes"])
        return "?", bytes.fromhex(cell["blob"])
    (left, a), (right, b) = operand(one), operand(other)
    return database.execute(f"SELECT {left} = {right} COLLATE {collation}", (a, b)).fetchone()[0] == 1


def check_keys_against_sqlite(cells):
    """Two canonical forms are equal exactly when SQLite finds the values equal, for every pair."""
    database = sqlite3.connect(":memory:")
    for collation in ("BINARY", "NOCASE", "RTRIM"):
        for one in cells:
            for other in cells:
                same = canonical(one, collation) == canonical(other, collation)
                if same != sqlite_finds_equal(database, one, other, collation):
                    return f"SQLite judges {one} and {other} otherwise under {collation}"
    return None


def all_key_cells(folder):
    cells = [{"text_bytes": text.hex()} for text in (b"\0", b"a\0B", b"A\0c", b"a\0 ", b"a \0", b"[", b"{")]
    for path in sorted(folder.glob("key/*.json")):
        for key in json.loads(path.read_text(encoding="utf-8"))["keys"]:
            cells += [plain(cell) for cell in key]
    return cells


def check_key(data, meaning):
    for key in meaning["keys"]:
        cells = [plain(cell) for cell in key]
        found = b"".join(canonical(*pair) for pair in zip(cells, meaning["collations"], strict=True))
        if found != data:
            return f"{key} gives {found.hex()}"
    found = f"{key_hash(meaning['table'], data):016x}"
    return None if found == meaning["hash"] else f"the hash is {found}"


def check(kind, data, good, text):
    """Nil when reader and vector agree, else in which way they do not."""
    if kind == "key":
        return check_key(data, json.loads(text))
    try:
        meaning = READERS[kind](data)
    except Refused as refusal:
        return f"refused: {refusal}" if good else None
    if not good:
        return f"read, but it is to be refused: {text.strip()}"
    return None if plain(meaning) == plain(json.loads(text)) else "another meaning"


def check_all(folder):
    count, failures = 0, []
    for path in sorted(folder.glob("*/*.hex")):
        good = path.with_suffix(".json").exists()
        text = path.with_suffix(".json" if good else ".bad").read_text(encoding="utf-8")
        why = check(path.parent.name, read_hex(path.read_text(encoding="utf-8")), good, text)
        count += 1
        if why:
            failures.append(f"{path.parent.name}/{path.stem}: {why}")
    why = check_keys_against_sqlite(all_key_cells(folder))
    if why:
        failures.append(why)
    return count, failures


def self_test():
    """Every kind of check says no to a vector that is wrong."""
    planted = [
        ("a bad segment that is well", "segment", "01 04 01 00 01 01 00 02 01 02", False, "planted"),
        ("a good segment that is not", "segment", "01 09 01 00 01 01 00 02 01 02", True, "{}"),
        ("another meaning", "segment", "01 04 01 00 01 01 00 02 01 02", True, '{"blocks": []}'),
        ("another digest", "sha256", "00", True, '{"sha256": "00"}'),
        ("another key", "key", "01 00", True,
         '{"table": 1, "collations": ["BINARY"], "keys": [[{"integer": "1"}]], "hash": "0"}'),
        ("another hash", "key", "01 00*7 01", True,
         '{"table": 1, "collations": ["BINARY"], "keys": [[{"integer": "1"}]], "hash": "0"}'),
        ("a bent frame", "frames", "02 00000000 00*8", True, '{"frames": []}'),
    ]
    missed = [name for name, kind, text, good, words in planted if not check(kind, read_hex(text), good, words)]
    for name in missed:
        print(f"not noticed: {name}")
    return not missed


def main(arguments):
    if arguments == ["--self-test"]:
        return 0 if self_test() else 1
    if arguments[:1] == ["--show"] and len(arguments) == 2 and arguments[1] in READERS:
        print(json.dumps(READERS[arguments[1]](read_hex(sys.stdin.read())), indent=2))
        return 0
    if len(arguments) > 1 or any(argument.startswith("-") for argument in arguments):
        print(__doc__, file=sys.stderr)
        return 64
    count, failures = check_all(pathlib.Path(arguments[0]) if arguments else HOME)
    for failure in failures:
        print(failure)
    if failures or count == 0:
        print(f"{len(failures)} of {count} vectors differ")
        return 1
    print(f"{count} vectors agree")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
