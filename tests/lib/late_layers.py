#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make images of several layers with tables of contents, for tests of layers that come while they are used.

late_layers.py LAYOUT FORM

Tags: "many" has whiteouts, opaque directories, directories without an entry, links, devices and attributes over two
layers; "twin" the same layers and another config; "shares" the lowest two of them; "outside" a hard link to a file of a layer below; "plain" no table of contents in its lower layer.
"""
import sys
import tarfile

import mkimage
import toc_layers
from toc_layers import member

D, S, H = tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE


def attrs(m, **more):
    m.pax_headers = {"SCHILY.xattr." + k.replace("_", "."): v for k, v in more.items()}
    return m


BELOW = [
    (member("etc/", D, 0o711, uid=3, gid=4), b""), (member("etc/gone"), b"gone"), (member("etc/stays"), b"stays"),
    (member("opaque/", D), b""), (member("opaque/below"), b"below"), (member("opaque/deep/", D), b""),
    (member("opaque/deep/file"), b"deep"), (attrs(member("kept/", D, 0o750, uid=7), user_kept="yes"), b""),
    (member("kept/deep/", D, 0o700), b""), (member("kept/deep/a"), b"a"), (member("file", mode=0o4755), b"was a file"),
    (member("dir/", D), b""), (member("dir/inside"), b"inside"),
]
ABOVE = [
    (member("etc/.wh.gone"), b""), (member("etc/.wh.never"), b""), (member("opaque/", D, 0o755), b""),
    (member("opaque/.wh..wh..opq"), b""), (member("opaque/above"), b"above"), (member("opaque/.wh.below"), b""),
    (member("kept/deep/b"), b"b"), (member("new/.wh.nothing"), b""), (member("new/implied/c"), b"c"),
    (member(".wh.file"), b""), (member("file/", D, 0o755), b""), (member("file/now"), b"a directory"),
    (member("dir"), b"was a directory"), (member("links/", D), b""), (member("links/one"), b"one"),
    (member("links/two", H, linkname="links/one"), b""), (member("links/three", H, linkname="links/two"), b""),
    (member("links/soft", S, 0o777, linkname="/etc/stays"), b""), (member("links/hardsoft", H, linkname="links/soft"), b""),
    (member("pipe", tarfile.FIFOTYPE), b""), (member("zero", tarfile.CHRTYPE, 0o666, devmajor=1, devminor=5), b""),
    (attrs(member("attr", mode=0o600), user_a="1", user_b=""), b"x" * 200000), (member("sticky/", D, 0o1777), b""),
]


def image(layout, tag, layers, form, bare=(), env="PATH=/bin"):
    made = [toc_layers.layer([(m, b) for m, b in members], form) for members in layers]
    kind = mkimage.LAYER + ("+gzip" if form == "estargz" else "+zstd")
    config = {"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/bin/sh"], "Env": [env]},
              "rootfs": {"type": "layers", "diff_ids": [mkimage.sha(tar) for _, tar, _ in made]},
              "history": [{"created_by": tag}] * len(made)}
    blobs = [layout.blob(blob, kind, **({} if i in bare else {"annotations": notes})) for i, (blob, _, notes) in enumerate(made)]
    layout.tag(tag, layout.json({"schemaVersion": 2, "mediaType": mkimage.MANIFEST,
                                 "config": layout.json(config, mkimage.CONFIG), "layers": blobs}, mkimage.MANIFEST))


def main():
    layout, form = mkimage.Layout(sys.argv[1]), sys.argv[2]
    base = toc_layers.content(20, 2000, [])
    image(layout, "many", [base, BELOW, ABOVE], form)
    image(layout, "twin", [base, BELOW, ABOVE], form, env="PATH=/bin:/sbin")
    image(layout, "shares", [base, BELOW, [(member("etc/shares"), b"shares")]], form)
    image(layout, "outside", [base, [(member("again", H, linkname="data/f1"), b"")]], form)
    image(layout, "plain", [BELOW, base], form, bare=(0,))


if __name__ == "__main__":
    main()
