"""Stands between a node and its hub and spoils one answer. Prints its port, and `cut` when it has done so.

    cutting_proxy.py HUB_PORT PATH close|hold

The first answer to a request for PATH gets 200 bytes through; then the line is closed, or held open in silence.
"""
import socket
import sys
import threading
import time

hub_port, path, manner = int(sys.argv[1]), sys.argv[2].encode(), sys.argv[3]
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
is_cut = threading.Event()


class Line:
    """One connection of the node, and ours to the hub."""

    def __init__(self, client):
        self.client = client
        self.hub = socket.create_connection(("127.0.0.1", hub_port))
        # How many bytes of the answer still get through; None: all.
        self.allowance = None
        threading.Thread(target=self.ask, daemon=True).start()
        threading.Thread(target=self.answer, daemon=True).start()

    def ask(self):
        while piece := self.client.recv(65536):
            # A request's head is small and comes in one piece.
            if b" " + path + b" " in piece.split(b"\r\n")[0] and not is_cut.is_set():
                is_cut.set()
                self.allowance = 0 if path == b"/v1/join" else 200
            self.hub.sendall(piece)
        self.close()

    def answer(self):
        while piece := self.hub.recv(65536):
            if self.allowance is not None:
                self.client.sendall(piece[: self.allowance])
                print("cut", flush=True)
                if manner == "hold":
                    time.sleep(3600)
                break
            self.client.sendall(piece)
        self.close()

    def close(self):
        for end in (self.client, self.hub):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


while True:
    connection, _ = listener.accept()
    Line(connection)
