"""Stops one thread of a process, as a disk that hangs would: hold_thread.py PROCESS NAME.

Prints "held" and its own process when the thread of that name stands still, and lets it go on when it is ended itself.
Exit: 1 there is no such thread · 77 it may not be stopped here. (ptrace(2))
"""

import ctypes
import os
import signal
import sys

PTRACE_ATTACH = 16
WALL = 0x40000000  # __WALL of waitpid(2): threads, too

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def thread_named(process, name):
    for task in os.listdir(f"/proc/{process}/task"):
        with open(f"/proc/{process}/task/{task}/comm") as comm:
            if comm.read().strip() == name:
                return int(task)
    return None


def main():
    thread = thread_named(sys.argv[1], sys.argv[2])
    if thread is None:
        print("there is no such thread", file=sys.stderr)
        return 1
    if libc.ptrace(PTRACE_ATTACH, thread, None, None) != 0:
        print(os.strerror(ctypes.get_errno()), file=sys.stderr)
        return 77
    os.waitpid(thread, WALL)
    print("held", os.getpid(), flush=True)
    # The system lets the thread go with its tracer.
    signal.pause()
    return 0


if __name__ == "__main__":
    sys.exit(main())
