#!/usr/bin/env python3
"""Reads Samband's bytes as Protocol/Bytes.md describes them, and checks the golden vectors with that.

Usage: decode.py [FOLDER]        checks all vectors of FOLDER (default: Protocol/Vectors)
       decode.py --show KIND     prints the meaning of hexadecimal text from standard input
       decode.py --self-test     shows that the check can fail

Standard library only. The folder's README.md describes its files.
"""
import hashlib
import json
import pathlib
import sqlite3
import struct
import sys

HOME = pathlib.Path(__file__).resolve().parents[2] / "Protocol" / "Vectors"

CELL_MAX = 268_435_456
SEGMENT_MAX = 268_435_456
BODY_MAX = 268_435_456
HEADER_MAX = 67_108_864
SECTIONS_MAX = 65_536
ROWS_MAX = 65_536
COLUMNS_MAX = 2_000
KEYS_MAX = 64
SCOPE_MAX = 255
SEGMENTS_MAX = 1_048_576
COMPONENTS_MAX = 65_536
TABLE_MAX = 2**30
UINT32_MAX = 2**32 - 1
UINT64_MAX = 2**64 - 1


class Refused(Exception):
    """The bytes are not what Protocol/Bytes.md allows."""


def need(condition, why):
    if not condition:
        raise Refused(why)


# Primitives


class Reader:
    def __init__(self, data):
        self.data = data
        self.place = 0

    def at_end(self):
        return self.place == len(self.data)

    def take(self, count):
        need(count <= len(self.data) - self.place, "ends too early")
        self.place += count
        return self.data[self.place - count : self.place]

    def byte(self):
        return self.take(1)[0]

    def fixed32(self):
        return struct.unpack("<I", self.take(4))[0]

    def fixed64(self):
        return struct.unpack("<Q", self.take(8))[0]

    def varint(self, most=UINT64_MAX, least=0):
        value, count = 0, 0
        while True:
            byte = self.byte()
            need(count < 9 or byte <= 1, "varint above 64 bits")
            value |= (byte & 0x7F) << (7 * count)
            count += 1
            if byte < 0x80:
                break
        need(count == 1 or byte != 0, "varint not in its shortest form")
        need(least <= value <= most, f"number {value} outside {least} to {most}")
        return value

    def counted(self, most):
        return self.take(self.varint(most))

    def digest(self):
        return self.take(32)

    def digests(self):
        return [self.digest() for _ in range(self.varint(SEGMENTS_MAX))]

    def vector(self):
        pairs, last = [], 0
        for _ in range(self.varint(COMPONENTS_MAX)):
            replica = self.varint(UINT32_MAX, least=1)
            need(replica > last, "replicas of a vector clock do not ascend")
            pairs.append((replica, self.varint(least=1)))
            last = replica
        return pairs

    def stamp(self):
        hlc = self.fixed64()
        replica = self.varint(UINT32_MAX)
        return [str(hlc), str(replica), str(self.varint())]

    def cell(self):
        head = self.varint()
        kind, length = head & 7, head >> 3
        need(kind <= 4, "unknown type")
        if kind <= 2:
            need(length == 0, "a length where none is")
        need(length <= CELL_MAX, "cell above the limit")
        if kind == 0:
            return None
        if kind == 1:
            z = self.varint()
            return {"integer": str(z // 2 if z % 2 == 0 else -(z + 1) // 2)}
        if kind == 2:
            bits = self.fixed64()
            real = struct.unpack("<d", struct.pack("<Q", bits))[0]
            need(real == real, "NaN")
            return {"real_bits": f"{bits:016x}"}
        data = self.take(length)
        return text_meaning(data) if kind == 3 else {"blob": data.hex()}

    def end(self):
        need(self.at_end(), "bytes behind the end")


def text_meaning(data):
    return {"text_bytes": data.hex()}


# Block and segment

OPERATIONS = {
    1: "insert", 2: "update", 3: "replace", 4: "delete", 5: "carried", 7: "evicted", 8: "restored",
}
KEYS_ONLY = {"delete", "evicted"}
WITH_STAMPS = {"carried", "restored"}


def read_section(reader, rows, read_one):
    section = Reader(reader.counted(SEGMENT_MAX))
    found = [read_one(section) for _ in range(rows)]
    section.end()
    return found


def read_key_cell(section):
    cell = section.cell()
    need(cell is not None, "a key that is NULL")
    return cell


def read_block(reader, sections_left):
    number = reader.byte()
    need(number in OPERATIONS, "unknown operation")
    operation = OPERATIONS[number]
    table = reader.varint(TABLE_MAX)
    scope = reader.counted(SCOPE_MAX)
    row_count = reader.varint(ROWS_MAX, least=1)
    key_count = reader.varint(KEYS_MAX, least=1)
    column_count = reader.varint(0 if operation in KEYS_ONLY else COLUMNS_MAX)
    sections = key_count + column_count * (2 if operation in WITH_STAMPS else 1)
    need(sections <= sections_left, "too many sections in a segment")
    columns, last = [], -1
    for _ in range(column_count):
        last += 1 + reader.varint()
        need(last < COLUMNS_MAX, "column above the limit")
        columns.append(last)
    keys = [read_section(reader, row_count, read_key_cell) for _ in range(key_count)]
    cells, stamps = [], []
    for _ in columns:
        cells.append(read_section(reader, row_count, Reader.cell))
        if operation in WITH_STAMPS:
            stamps.append(read_section(reader, row_count, Reader.stamp))
    rows = []
    for place in range(row_count):
        row = {"key": [section[place] for section in keys]}
        if operation not in KEYS_ONLY:
            row["cells"] = [section[place] for section in cells]
        if operation in WITH_STAMPS:
            row["stamps"] = [section[place] for section in stamps]
        rows.append(row)
    block = {"operation": operation, "table": table, "scope": scope.hex(), "columns": columns, "rows": rows}
    return block, sections


def read_segment(data):
    need(len(data) <= SEGMENT_MAX, "segment above the limit")
    reader = Reader(data)
    need(reader.byte() == 1, "unknown format")
    blocks, left = [], SECTIONS_MAX
    while not blocks or not reader.at_end():
        block, sections = read_block(reader, left)
        blocks.append(block)
        left -= sections
    return {"blocks": blocks}


# Header and frame

CHANGE_SET_KINDS = {1: "local", 2: "arbitration", 3: "decision"}


def clock_meaning(pairs):
    return {str(replica): str(seq) for replica, seq in pairs}


def read_header(data):
    reader = Reader(data)
    need(reader.byte() == 1, "unknown format")
    kind = reader.byte()
    need(kind in CHANGE_SET_KINDS, "unknown kind of change set")
    replica = reader.varint(UINT32_MAX, least=1)
    seq = reader.varint(least=1)
    hlc = reader.fixed64()
    position = reader.varint()
    context = reader.vector()
    need(all(component != replica for component, _ in context), "a context of its own replica")
    meaning = {
        "kind": CHANGE_SET_KINDS[kind],
        "dot": f"{replica}:{seq}",
        "hlc": str(hlc),
        "position": str(position),
        "context": clock_meaning(context),
        "schema_version": str(reader.varint(UINT32_MAX)),
        "rows": str(reader.varint()),
        "conflict": str(reader.varint()),
        "previous": reader.digest().hex(),
        "segments": [digest.hex() for digest in reader.digests()],
        "digest": hashlib.sha256(data).hexdigest(),
    }
    reader.end()
    return meaning


def read_frame(reader):
    kind = reader.byte()
    need(kind in (1, 2, 3), "unknown kind of frame")
    length = reader.fixed32()
    need(length <= BODY_MAX, "frame above the limit")
    body = reader.take(length)
    need(hashlib.sha256(body).digest()[:8] == reader.take(8), "checksum does not fit")
    if kind == 2:
        return {"frame": "segment", "bytes": body.hex()}
    inner = Reader(body)
    if kind == 1:
        meaning = {"frame": "header", "header": read_header(inner.counted(HEADER_MAX))}
        meaning["position"] = str(inner.varint())
        flags = inner.byte()
        need(flags < 8, "unknown flag")
        names = [(1, "ends transaction"), (2, "echo"), (4, "effective")]
        meaning["flags"] = [name for bit, name in names if flags & bit]
        meaning["first_segment"] = str(inner.varint())
        digests = inner.digests()
        need(flags & 4 or not digests, "digests without their flag")
        meaning["effective_segments"] = [digest.hex() for digest in digests]
    else:
        meaning = {
            "frame": "end",
            "vector": clock_meaning(inner.vector()),
            "position": str(inner.varint()),
            "frontier": clock_meaning(inner.vector()),
            "hub_time_ms": str(inner.varint()),
        }
    inner.end()
    return meaning


def read_frames(data):
    reader = Reader(data)
    frames = []
    while not reader.at_end():
        frames.append(read_frame(reader))
    return {"frames": frames}


# Canonical key and key hash


def canonical(cell, collation):
    """`cell` is a value as the vectors write it, with all bytes as hexadecimal text."""
    if "integer" in cell:
        return b"\x01" + struct.pack(">q", int(cell["integer"]))
    if "real_bits" in cell:
        bits = int(cell["real_bits"], 16)
        real = struct.unpack(">d", struct.pack(">Q", bits))[0]
        if real == real and abs(real) != float("inf") and real == int(real) and -(2**63) <= int(real) < 2**63:
            return b"\x01" + struct.pack(">q", int(real))
        return b"\x02" + struct.pack(">Q", bits)
    if "text_bytes" in cell:
        data = bytes.fromhex(cell["text_bytes"])
        if collation == "NOCASE":
            compared = data.split(b"\0")[0]
            folded = bytes(byte + 0x20 if 0x41 <= byte <= 0x5A else byte for byte in compared)
            data = folded + bytes(len(data) - len(compared))
        if collation == "RTRIM":
            data = data.rstrip(b" ")
        return b"\x03" + struct.pack(">Q", len(data)) + data
    data = bytes.fromhex(cell["blob"])
    return b"\x04" + struct.pack(">Q", len(data)) + data


def key_hash(table, key):
    value = 14695981039346656037
    for byte in struct.pack("<I", table) + key:
        value = (value ^ byte) * 1099511628211 % 2**64
    return value


# The vectors

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
        ("a good segment that is not", "segment", "01 06 01 00 01 01 00 02 01 02", True, "{}"),
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
