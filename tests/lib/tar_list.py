#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a tar on standard input holds, one line per file in the order of names, whatever the order of the archive: all
attributes, the digest of the content, and of files with several names all of them."""
import hashlib
import sys
import tarfile

names, files = {}, {}
with tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as tar:
    for m in tar:
        name = m.name.strip("/")
        first = names.setdefault(name, m.linkname.strip("/") if m.islnk() else name)
        if m.islnk():
            continue
        content = hashlib.sha256(tar.extractfile(m).read()).hexdigest() if m.isreg() else "-"
        xattrs = sorted((k, v) for k, v in m.pax_headers.items() if k.startswith("SCHILY.xattr."))
        files[first] = f"{m.type} {m.mode:o} {m.uid}:{m.gid} {m.mtime} {m.devmajor}:{m.devminor} {m.linkname} {content} {xattrs}"
for name in sorted(names):
    same = sorted(n for n in names if names[n] == names[name])
    print(name, files[names[name]], *same if len(same) > 1 else ())
