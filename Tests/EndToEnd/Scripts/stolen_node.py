"""A machine with a site's stolen secret that sends whatever it likes, as fast as it can, on many lines at once.

stolen_node.py PORT TOKEN_FILE REPLICA HUB SECONDS: prints how many requests were answered, by status.
"""
import collections
import hashlib
import http.client
import json
import os
import struct
import sys
import threading
import time

port, token_file, replica, hub, seconds = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4], float(sys.argv[5])
token = open(token_file).read().strip()
end = time.monotonic() + seconds
answers = collections.Counter()
lock = threading.Lock()


def frame(kind, body, honest=True):
    head = struct.pack("<BI", kind, len(body)) + body
    check = hashlib.sha256(head).digest()[:8]
    return head + (check if honest else bytes(8))


def headers(acting=replica, body=b""):
    digest = __import__("base64").b64encode(hashlib.sha256(body).digest()).decode()
    return {
        "authorization": "Bearer " + token, "samband-replica": acting, "samband-hub": hub,
        "content-digest": "sha-256=:%s:" % digest,
    }


def requests(number):
    """What it sends, over and over: each thread begins elsewhere."""
    greeting = json.dumps({"epochs": [{"hub": int(hub), "base": 0}], "sealed": 0, "position": 0, "line": []}).encode()
    pull = json.dumps({"position": 0, "sealed": 0, "wait_ms": 0}).encode()
    kinds = [
        ("/v1/push", os.urandom(4096)),
        ("/v1/push", frame(1, os.urandom(300))),
        ("/v1/push", frame(2, b"\0" * 100_000)),
        ("/v1/push", b"".join(frame(2, os.urandom(50)) for _ in range(2000))),
        ("/v1/push", frame(1, b"\xff" * 1_000_000)),
        ("/v1/hello", greeting),
        ("/v1/pull", pull),
        ("/v1/rotate", b"{}"),
    ]
    while True:
        yield kinds[number % len(kinds)]
        number += 1


def flood(number):
    line = None
    for path, body in requests(number):
        if time.monotonic() > end:
            return
        try:
            if line is None:
                line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            line.request("POST", path, body, headers(body=body))
            answer = line.getresponse()
            answer.read()
            status = answer.status
        except (OSError, http.client.HTTPException):
            line = None
            status = 0
        with lock:
            answers[status] += 1


def large():
    """One frame as large as may be, with a checksum that does not fit."""
    body = frame(2, b"\0" * (32 << 20), honest=False)
    while time.monotonic() < end:
        try:
            line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            line.request("POST", "/v1/push", body, headers())
            status = line.getresponse().status
        except (OSError, http.client.HTTPException):
            status = 0
        with lock:
            answers[status] += 1


threads = [threading.Thread(target=flood, args=(number,)) for number in range(16)]
threads.append(threading.Thread(target=large))
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(dict(answers))
