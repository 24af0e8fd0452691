"""Writes what the fuzzer of each decoder begins with: the golden vectors, and a few texts. seeds.py OUT"""
import pathlib
import sys

root = pathlib.Path(__file__).resolve().parents[2]
out = pathlib.Path(sys.argv[1])


def hexadecimal(path):
    data = bytearray()
    for line in path.read_text().splitlines():
        for piece in line.split("#")[0].split():
            unit, _, times = piece.partition("*")
            data += bytes.fromhex(unit) * int(times or 1)
    return bytes(data)


def write(target, name, data):
    if len(data) <= 8192:
        folder = out / target
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


for path in sorted((root / "Protocol/Vectors").glob("*/*.hex")):
    kind, data = path.parent.name, hexadecimal(path)
    if kind in ("segment", "header"):
        write(kind, path.stem, data)
    elif kind == "frames":
        number = 0
        while len(data) >= 5:
            length = int.from_bytes(data[1:5], "little")
            # As the target takes it: a kind and a body.
            write("frame", f"{path.stem}-{number}", data[:1] + data[5:5 + length])
            if data[0] == 3:
                write("vector", f"{path.stem}-{number}", data[5:5 + length])
            data = data[5 + length + 8:]
            number += 1

TEXTS = {
    "json": [
        '{"vector":{"391":12,"8070":41},"staged":{"seq":3,"segments":2},"hub_time_ms":1322481600250}',
        '{"position":6,"sealed":2,"wait_ms":30000,"resume":{"change":"391:12","segment":1}}',
        '[1,-2.5e-3,"\\u00e5\\ud83d\\ude00\\n",null,true,false,{"blob":"AAEC"},[[]]]',
        '{"token":"abc","secret":"0123456789abcdef0123456789abcdef"}',
    ],
    "literal": ["'S-12'", "x'0a'", "(3,'a')", "-1.5e3", "'it''s'", "9e999", "NULL", "( x'' , 'b' )", "accepted"],
    "request": [
        "POST /v1/push HTTP/1.1\r\nhost: hub\r\ntransfer-encoding: chunked\r\nauthorization: Bearer x\r\n\r\n"
        "5\r\nhello\r\n0\r\ntrailer: a\r\n\r\n",
        "GET /v1/log?limit=5&a=%20 HTTP/1.0\r\nconnection: keep-alive\r\n\r\n",
        "POST /v1/pull HTTP/1.1\r\nhost: hub:7420\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n{}GET / HTTP/1.1\r\nhost: h\r\n\r\n",
    ],
    "response": [
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\nrest",
    ],
}
for target, texts in TEXTS.items():
    for number, text in enumerate(texts):
        write(target, f"text-{number}", text.encode())
