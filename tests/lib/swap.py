#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""swap.py A B STOP - two names change places, as fast as the kernel does it, until STOP exists. Opens
STOP.ready for writing first, which may be a FIFO. While one of the names is missing nothing happens."""
import ctypes, os, sys

AT_FDCWD, RENAME_EXCHANGE = -100, 2
libc = ctypes.CDLL(None)
a, b = (p.encode() for p in sys.argv[1:3])
open(sys.argv[3] + ".ready", "w").close()
while not os.path.exists(sys.argv[3]):
    for _ in range(300):
        libc.renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE)
