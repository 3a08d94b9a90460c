#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""verity.py FILE...: the measurement of each by FS_IOC_MEASURE_VERITY, "none" for a file without fs-verity."""
import errno, fcntl, struct, sys

FS_IOC_MEASURE_VERITY = 0xC0046686

for name in sys.argv[1:]:
    with open(name, "rb") as f:
        room = bytearray(struct.pack("=HH", 0, 64) + bytes(64))
        try:
            fcntl.ioctl(f, FS_IOC_MEASURE_VERITY, room)
        except OSError as e:
            if e.errno != errno.ENODATA:
                raise
            print("none")
            continue
        algorithm, size = struct.unpack_from("=HH", room)
        print({1: "sha256", 2: "sha512"}[algorithm] + ":" + room[4:4 + size].hex())
