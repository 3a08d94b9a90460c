#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Changes bytes of a small EROFS image with extended inodes, for tests of images that lie.

erofs_hurt.py IN OUT STATEMENT

The statement may use b (the bytes), at(path) (place of its inode), nid(path), entry(dir, name) (place of its
entry), name(dir, name, bytes), u16, u32, u64 (place, value).
"""
import struct
import sys

b = bytearray(open(sys.argv[1], "rb").read())
bits, root = b[1024 + 12], struct.unpack_from("<H", b, 1024 + 14)[0]
meta = struct.unpack_from("<I", b, 1024 + 40)[0] << bits


def u16(at, value):
    struct.pack_into("<H", b, at, value)


def u32(at, value):
    struct.pack_into("<I", b, at, value)


def u64(at, value):
    struct.pack_into("<Q", b, at, value)


def place(number):
    return meta + number * 32


def data(number):
    at = place(number)
    form, xattrs = struct.unpack_from("<HH", b, at)
    size, block = struct.unpack_from("<QI", b, at + 8)
    if form >> 1 & 7 == 2 and size < 1 << bits:
        return at + 64 + (xattrs and 12 + 4 * (xattrs - 1)), size
    return block << bits, size


def entries(number):
    """name -> (place of its entry, place of its name)"""
    at, size = data(number)
    count = struct.unpack_from("<H", b, at + 8)[0] // 12
    starts = [struct.unpack_from("<H", b, at + 12 * i + 8)[0] for i in range(count)] + [size]
    return {bytes(b[at + starts[i]:at + starts[i + 1]]).rstrip(b"\0").decode(): (at + 12 * i, at + starts[i])
            for i in range(count)}


def nid(path):
    number = root
    for part in filter(None, path.split("/")):
        number = struct.unpack_from("<Q", b, entries(number)[part][0])[0]
    return number


def at(path):
    return place(nid(path))


def entry(directory, name_):
    return entries(nid(directory))[name_][0]


def name(directory, name_, value):
    where = entries(nid(directory))[name_][1]
    b[where:where + len(value)] = value


exec(sys.argv[3])
open(sys.argv[2], "wb").write(b)
