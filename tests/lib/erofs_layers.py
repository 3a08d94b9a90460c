#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An OCI layout whose layers are files given by name, for images with EROFS images as layers.

erofs_layers.py LAYOUT TAG TYPE=FILE...

TYPE is the media type, or tar for OCI's of a tar. What follows '+' in it says how the file is packed; the
DiffID is that of the file as it is given. With TYPE#BYTES an index of chunks of so many bytes follows
the image (which is not packed then), and annotations tell of it; with TYPE#BYTES#LIES the digests of chunks
that hold these bytes (decimal, comma separated) are wrong, with TYPE#BYTES#none the index has no digest.
"""
import hashlib
import struct
import sys

from mkimage import CONFIG, MANIFEST, Layout, pack


def chunk_index(data, size, lies):
    out = struct.pack("<4sBBHQIBB10x", b"\xcd\xe4\xec\x67", 1, 0, 0, len(data), -(-len(data) // size), 1, 32)
    for at in range(0, len(data), size):
        digest = hashlib.sha256(data[at:at + size]).digest()
        if any(at <= n < at + size for n in lies):
            digest = bytes(32)
        out += struct.pack("<QQ", at, at) + digest
    return out


def layer(kind, data):
    kind, *more = kind.split("#")
    kind = "application/vnd.oci.image.layer.v1.tar" if kind == "tar" else kind
    if not more:
        return out.blob(pack(data, kind.split("+")[1] if "+" in kind else "none"), kind), data
    lies = [int(n) for n in more[1].split(",")] if more[1:] and more[1] != "none" else []
    index = chunk_index(data, int(more[0]), lies)
    notes = {"org.erofs.chunk-index.range": f"{len(data)}:{len(data) + len(index)}",
             "org.erofs.chunk-index.digest": "sha256:" + hashlib.sha256(index).hexdigest()}
    if more[1:] == ["none"]:
        del notes["org.erofs.chunk-index.digest"]
    return out.blob(data + index, kind, annotations=notes), data + index


out = Layout(sys.argv[1])
layers, diff_ids = [], []
for arg in sys.argv[3:]:
    kind, path = arg.split("=", 1)
    with open(path, "rb") as f:
        descriptor, plain = layer(kind, f.read())
    layers.append(descriptor)
    diff_ids.append("sha256:" + hashlib.sha256(plain).hexdigest())
config = out.json({"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/bin/sh"]},
                   "rootfs": {"type": "layers", "diff_ids": diff_ids}}, CONFIG)
manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}
out.tag(sys.argv[2], out.json(manifest, MANIFEST))
