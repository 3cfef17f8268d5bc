"""One of two processes that race for the same cells: run as ``racing.py ROOT LOG``.

Holding its first cell it says so and waits for a line, so that both are at work before either goes on.
"""

from __future__ import annotations

import os
import sys
import time

from cells import key_of, record_of

from tendsto.store import Store

CELLS = 50

if __name__ == "__main__":
    store, first = Store(sys.argv[1]), True
    log = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    while missing := [cell for cell in range(CELLS) if key_of(cell) not in store]:
        for cell in missing:
            with store.claim(key_of(cell)) as mine:
                if mine:
                    os.write(log, f"{cell} {os.getpid()}\n".encode())
                    if first:
                        print("holding", flush=True)
                        sys.stdin.readline()
                        first = False
                    store.put(record_of(cell))
        time.sleep(0.001)
