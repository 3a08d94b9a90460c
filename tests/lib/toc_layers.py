#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make an image of one layer with a table of contents as an OCI layout, for tests.

toc_layers.py LAYOUT TAG [--form estargz|zstd|zstd-old] [--files N] [--kb N] [--edit NAME]... [--level L]
              [--lie digest|offset|entry] [--no-busybox]

The layer has busybox with its links and N files of random size that do not compress, some of several chunks. --edit gives
one of them ("data/f7") other bytes. --level: of the compressor, so that the same files become other bytes. --lie: the
digest of the table is wrong | chunks lie elsewhere | a changed file has the digests that it had.
"""
import argparse
import base64
import ctypes
import json
import random
import struct
import tarfile
import zlib

import mkimage

CHUNK = 64 << 10
NOTE_ESTARGZ = "containerd.io/snapshot/stargz/toc.digest"
NOTE_ZSTD = "io.github.containers.zstd-chunked.manifest-"
TYPES = {tarfile.REGTYPE: "reg", tarfile.DIRTYPE: "dir", tarfile.SYMTYPE: "symlink", tarfile.LNKTYPE: "hardlink",
         tarfile.CHRTYPE: "char", tarfile.BLKTYPE: "block", tarfile.FIFOTYPE: "fifo"}


def gzip_member(data, level):
    c = zlib.compressobj(level, zlib.DEFLATED, 31)
    return c.compress(data) + c.flush()


def zstd_frame(data, level):
    lib = ctypes.CDLL("libzstd.so.1")
    lib.ZSTD_compressBound.restype = lib.ZSTD_compress.restype = ctypes.c_size_t
    out = ctypes.create_string_buffer(lib.ZSTD_compressBound(ctypes.c_size_t(len(data))))
    n = lib.ZSTD_compress(out, ctypes.c_size_t(len(out)), data, ctypes.c_size_t(len(data)), level)
    return out.raw[:n]


def skippable(data):
    return struct.pack("<II", 0x184D2A50, len(data)) + data


def member(name, kind=tarfile.REGTYPE, mode=0o644, **more):
    m = tarfile.TarInfo(name)
    m.type, m.mode, m.mtime = kind, mode, 1700000000
    for k, v in more.items():
        setattr(m, k, v)
    return m


def entry(m):
    e = {"name": m.name, "type": TYPES[m.type], "mode": m.mode, "modtime": "2023-11-14T22:13:20Z"}
    for key, value in (("size", m.size), ("linkName", m.linkname), ("uid", m.uid), ("gid", m.gid),
                       ("devMajor", m.devmajor), ("devMinor", m.devminor)):
        if value:
            e[key] = value
    attrs = {k[13:]: v for k, v in m.pax_headers.items() if k.startswith("SCHILY.xattr.")}
    if attrs:
        e["xattrs"] = {k: base64.b64encode(v.encode()).decode() for k, v in attrs.items()}
    return e


def layer(members, form, level=6, lie=None):
    """[(TarInfo, bytes)] -> (blob, tar, annotations)"""
    pack = gzip_member if form == "estargz" else zstd_frame
    blob, tar, entries, head = bytearray(), bytearray(), [], b""

    def put(data):
        if data:
            blob.extend(pack(data, level))
            tar.extend(data)

    for m, body in members:
        m.size = len(body)
        head += m.tobuf(tarfile.PAX_FORMAT)
        e = entry(m)
        entries.append(e)
        if not body:
            continue
        put(head)
        chunks = [body[i:i + CHUNK] for i in range(0, len(body), CHUNK)]
        said = noise(m.name, len(body)) if lie == "entry" and m.name == "data/f1" else body
        e["digest"] = mkimage.sha(said)
        for i, chunk in enumerate(chunks):
            c = e if not i else {"name": m.name, "type": "chunk"}
            c["offset"] = len(blob) + (7 if lie == "offset" else 0)
            if i:
                c["chunkOffset"] = i * CHUNK
                entries.append(c)
            if len(chunks) > 1 and (form != "estargz" or i < len(chunks) - 1):
                c["chunkSize"] = len(chunk)
            if len(chunks) > 1 or form == "estargz":
                c["chunkDigest"] = mkimage.sha(said[i * CHUNK:(i + 1) * CHUNK])
            put(chunk)
        if form != "estargz":
            e["endOffset"] = len(blob)
        head = bytes(-len(body) % 512)
    if form == "estargz":
        put(head)
        text = json.dumps({"version": 1, "entries": entries}).encode()
        at = len(blob)
        index = member("stargz.index.json", size=len(text))
        put(index.tobuf(tarfile.PAX_FORMAT) + text + bytes(-len(text) % 512) + bytes(1024))
        extra = b"SG" + struct.pack("<H", 22) + b"%016xSTARGZ" % at
        blob += b"\x1f\x8b\x08\x04\0\0\0\0\0\xff" + struct.pack("<H", len(extra)) + extra + b"\x01\0\0\xff\xff" + bytes(8)
        notes = {NOTE_ESTARGZ: mkimage.sha(text)}
    else:
        put(head + bytes(1024))
        text = json.dumps({"version": 1, "entries": entries}).encode()
        table, split = zstd_frame(text, 3), zstd_frame(b"tar-split of the layer", 3)
        at = len(blob) + 8
        blob += skippable(table)
        foot = struct.pack("<QQQQ", at, len(table), len(text), 1)
        if form == "zstd":
            foot += struct.pack("<QQQ", len(blob) + 8, len(split), 22)
            blob += skippable(split)
        blob += skippable(foot + b"GNUlInUx")
        notes = {NOTE_ZSTD + "checksum": mkimage.sha(table),
                 NOTE_ZSTD + "position": f"{at}:{len(table)}:{len(text)}:1"}
    if lie == "digest":
        for k in notes:
            if notes[k].startswith("sha256:"):
                notes[k] = "sha256:" + "0" * 64
    return bytes(blob), bytes(tar), notes


def noise(name, n):
    return random.Random(name).randbytes(n)


def content(files, kb, edits, busybox=True):
    out = [(member("data/", tarfile.DIRTYPE, 0o755), b"")]
    if busybox:
        out.append((member("bin/", tarfile.DIRTYPE, 0o755), b""))
        with open("/bin/busybox", "rb") as f:
            out.append((member("bin/busybox", mode=0o755), f.read()))
        out += [(member("bin/" + n, tarfile.SYMTYPE, 0o777, linkname="busybox"), b"") for n in ("sh", "cat", "sha256sum")]
    sizes = random.Random("sizes")
    for i in range(files):
        name = f"data/f{i}"
        n = sizes.randrange(1, 2 * kb * 1024 // files + 2)
        body = noise(name, n)
        if name in edits:
            body = noise(name + " edited", n)
        out.append((member(name, uid=i % 3), body))
    out.append((member("data/empty"), b""))
    out.append((member("data/hard", tarfile.LNKTYPE, linkname="data/f0"), b""))
    out.append((member("data/null", tarfile.CHRTYPE, 0o666, devmajor=1, devminor=3), b""))
    attrs = member("data/attrs")
    attrs.pax_headers = {"SCHILY.xattr.user.a": "b"}
    out.append((attrs, b"x"))
    return out


def image(path, tag, form, members, level=6, lie=None):
    blob, tar, notes = layer(members, form, level, lie)
    layout = mkimage.Layout(path)
    kind = mkimage.LAYER + ("+gzip" if form == "estargz" else "+zstd")
    d = layout.blob(blob, kind, annotations=notes)
    config = {"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/bin/sh"], "Env": ["PATH=/bin"]},
              "rootfs": {"type": "layers", "diff_ids": [mkimage.sha(tar)]}, "history": [{"created_by": tag}]}
    manifest = {"schemaVersion": 2, "mediaType": mkimage.MANIFEST,
                "config": layout.json(config, mkimage.CONFIG), "layers": [d]}
    layout.tag(tag, layout.json(manifest, mkimage.MANIFEST))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("layout")
    p.add_argument("tag")
    p.add_argument("--form", default="zstd", choices=["estargz", "zstd", "zstd-old"])
    p.add_argument("--files", type=int, default=40)
    p.add_argument("--kb", type=int, default=4000)
    p.add_argument("--edit", action="append", default=[])
    p.add_argument("--level", type=int, default=6)
    p.add_argument("--lie")
    p.add_argument("--no-busybox", action="store_true")
    a = p.parse_args()
    image(a.layout, a.tag, a.form, content(a.files, a.kb, a.edit, not a.no_busybox), a.level, a.lie)


if __name__ == "__main__":
    main()
