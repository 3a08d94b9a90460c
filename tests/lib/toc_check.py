#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hold a zstd:chunked layer against the tar that it was made of, without a line of the programs under test.

toc_check.py BLOB TAR MANIFEST LAYER

MANIFEST is read for the annotations of layer number LAYER. Checked: the blob is the tar, to the byte; annotations and
footer tell of the same table; its digest; each member is in it, in order, with its attributes; each chunk is frames of
its own, with its digest; chunks are the files.
"""
import base64
import ctypes
import datetime
import hashlib
import json
import struct
import sys
import tarfile

NOTE = "io.github.containers.zstd-chunked.manifest-"
TYPES = {tarfile.REGTYPE: "reg", tarfile.AREGTYPE: "reg", tarfile.DIRTYPE: "dir", tarfile.SYMTYPE: "symlink",
         tarfile.LNKTYPE: "hardlink", tarfile.CHRTYPE: "char", tarfile.BLKTYPE: "block", tarfile.FIFOTYPE: "fifo"}
zstd = ctypes.CDLL("libzstd.so.1")
for name in ("ZSTD_decompress", "ZSTD_findFrameCompressedSize"):
    getattr(zstd, name).restype = ctypes.c_size_t


def unpack(data, size):
    out = ctypes.create_string_buffer(max(size, 1))
    n = zstd.ZSTD_decompress(out, ctypes.c_size_t(size), data, ctypes.c_size_t(len(data)))
    assert n == size, (n, size)
    return out.raw[:size]


def frames(blob):
    """offset -> length"""
    at, out = 0, {}
    while at < len(blob):
        part = blob[at:at + (4 << 20)]
        n = zstd.ZSTD_findFrameCompressedSize(part, ctypes.c_size_t(len(part)))
        assert 0 < n <= len(part), (at, n)
        out[at] = n
        at += n
    return out


def sha(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def seconds(text):
    day, rest = text[:19], text[19:-1]
    t = datetime.datetime.strptime(day, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=datetime.timezone.utc)
    return t.timestamp() + float("0" + rest if rest else 0)


def same(e, m, key, want):
    assert e.get(key, type(want)()) == want, (m.name, key, e.get(key), want)


def main():
    blob, tar = open(sys.argv[1], "rb").read(), open(sys.argv[2], "rb").read()
    layer = json.load(open(sys.argv[3]))["layers"][int(sys.argv[4])]
    assert layer["digest"] == sha(blob) and layer["size"] == len(blob)
    assert unpack(blob, len(tar)) == tar
    notes = layer["annotations"]
    at, packed, size, kind = map(int, notes[NOTE + "position"].split(":"))
    assert kind == 1
    assert struct.unpack("<IIQQQQ8s", blob[-48:]) == (0x184D2A50, 40, at, packed, size, 1, b"GNUlInUx")
    assert at + packed + 48 == len(blob)
    assert struct.unpack("<II", blob[at - 8:at]) == (0x184D2A50, packed)
    assert notes[NOTE + "checksum"] == sha(blob[at:at + packed])
    table = json.loads(unpack(blob[at:at + packed], size))
    assert table["version"] == 1
    place, entries, files, chunks = frames(blob), iter(table["entries"]), 0, 0
    following = next(entries, None)
    for m in tarfile.open(sys.argv[2]):
        e, following = following, next(entries, None)
        raw = m.name + ("/" if m.isdir() and e["name"].endswith("/") else "")
        same(e, m, "name", raw)
        same(e, m, "type", TYPES[m.type])
        same(e, m, "mode", m.mode & 0o7777)
        same(e, m, "uid", m.uid)
        same(e, m, "gid", m.gid)
        same(e, m, "size", m.size if m.isreg() else 0)
        same(e, m, "linkName", m.linkname)
        same(e, m, "devMajor", m.devmajor if m.isdev() else 0)
        same(e, m, "devMinor", m.devminor if m.isdev() else 0)
        assert abs(seconds(e["modtime"]) - m.mtime) < 1e-3, m.name
        attrs = {k[13:]: base64.b64encode(v.encode("utf-8", "surrogateescape")).decode()
                 for k, v in m.pax_headers.items() if k.startswith("SCHILY.xattr.")}
        same(e, m, "xattrs", attrs)
        if not m.isreg() or not m.size:
            assert "offset" not in e and "digest" not in e, m.name
            continue
        body = tar[m.offset_data:m.offset_data + m.size]
        assert e["digest"] == sha(body), m.name
        parts = [e]
        while following and following["type"] == "chunk":
            assert following["name"] == e["name"]
            parts.append(following)
            following = next(entries, None)
        for k, c in enumerate(parts):
            begin = c.get("chunkOffset", 0)
            end = parts[k + 1]["chunkOffset"] if k + 1 < len(parts) else m.size
            assert c.get("chunkSize", m.size) == end - begin > 0, m.name
            stop = parts[k + 1]["offset"] if k + 1 < len(parts) else e["endOffset"]
            assert c["offset"] + place[c["offset"]] == stop, m.name
            assert unpack(blob[c["offset"]:stop], end - begin) == body[begin:end], m.name
            assert c["chunkDigest"] == sha(body[begin:end]), m.name
        files += 1
        chunks += len(parts)
    assert following is None, following
    print(f"{files} files, {chunks} chunks")


if __name__ == "__main__":
    main()
