"""Reads Samband's bytes as Protocol/Bytes.md describes them, and nothing else. Standard library only."""
import hashlib
import struct

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

    def zigzag(self):
        z = self.varint()
        return str(z // 2 if z % 2 == 0 else -(z + 1) // 2)

    def columns(self, count):
        columns, last = [], -1
        for _ in range(count):
            last += 1 + self.varint()
            need(last < COLUMNS_MAX, "column above the limit")
            columns.append(last)
        return columns

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
            return {"integer": self.zigzag()}
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
    1: "insert", 2: "update", 3: "replace", 4: "delete", 5: "carried", 6: "decided", 7: "evicted",
    8: "restored",
}
KEYS_ONLY = {"delete", "evicted"}
WITH_STAMPS = {"carried", "decided", "restored"}
MAY_HAVE_DELTAS = {"update", "replace"}
DELTAS = 0x80


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
    first = reader.byte()
    number, has_deltas = first & ~DELTAS, first & DELTAS != 0
    need(number in OPERATIONS, "unknown operation")
    operation = OPERATIONS[number]
    need(not has_deltas or operation in MAY_HAVE_DELTAS, "deltas where none can be")
    table = reader.varint(TABLE_MAX)
    scope = reader.counted(SCOPE_MAX)
    row_count = reader.varint(ROWS_MAX, least=1)
    key_count = reader.varint(KEYS_MAX, least=1)
    column_count = reader.varint(0 if operation in KEYS_ONLY else COLUMNS_MAX)
    sections = key_count + column_count * (2 if operation in WITH_STAMPS else 1)
    need(sections <= sections_left, "too many sections in a segment")
    columns = reader.columns(column_count)
    delta_columns = []
    if has_deltas:
        delta_count = reader.varint(COLUMNS_MAX, least=1)
        sections += delta_count
        need(sections <= sections_left, "too many sections in a segment")
        delta_columns = reader.columns(delta_count)
        need(set(delta_columns) <= set(columns), "a delta of a column that is not there")
    keys = [read_section(reader, row_count, read_key_cell) for _ in range(key_count)]
    cells, stamps = [], []
    for _ in columns:
        cells.append(read_section(reader, row_count, Reader.cell))
        if operation in WITH_STAMPS:
            stamps.append(read_section(reader, row_count, Reader.stamp))
    deltas = [read_section(reader, row_count, Reader.zigzag) for _ in delta_columns]
    rows = []
    for place in range(row_count):
        row = {"key": [section[place] for section in keys]}
        if operation not in KEYS_ONLY:
            row["cells"] = [section[place] for section in cells]
        if operation in WITH_STAMPS:
            row["stamps"] = [section[place] for section in stamps]
        if has_deltas:
            row["deltas"] = [section[place] for section in deltas]
        rows.append(row)
    block = {"operation": operation, "table": table, "scope": scope.hex(), "columns": columns, "rows": rows}
    if has_deltas:
        block["deltas"] = delta_columns
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
    begin = bytes([kind]) + length.to_bytes(4, "little")
    need(hashlib.sha256(begin + body).digest()[:8] == reader.take(8), "checksum does not fit")
    if kind == 2:
        return {"frame": "segment", "bytes": body.hex()}
    inner = Reader(body)
    if kind == 1:
        meaning = {"frame": "header", "header": read_header(inner.counted(HEADER_MAX))}
        meaning["position"] = str(inner.varint())
        flags = inner.byte()
        need(flags < 16, "unknown flag")
        names = [(1, "ends transaction"), (2, "echo"), (4, "effective"), (8, "absorbed")]
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
