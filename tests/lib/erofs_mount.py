#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""erofs_mount.py IMAGE DIR DEVICE...: mount(2) of plain files, which mount(8) would put behind loop devices"""
import ctypes
import os
import sys

libc = ctypes.CDLL(None, use_errno=True)
options = ",".join("device=" + d for d in sys.argv[3:])
if libc.mount(sys.argv[1].encode(), sys.argv[2].encode(), b"erofs", 1, options.encode()):
    sys.exit(f"mount: {os.strerror(ctypes.get_errno())}")
