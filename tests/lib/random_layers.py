#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""random_layers.py DIR SEED N: an OCI layout DIR (tag latest) of N random layers, and DIR/N.tar each

Every layer adds, replaces, links and deletes by chance, also what makes no sense: whiteouts of what the
layer itself adds, files in the place of directories, links to files of lower layers.
"""
import hashlib
import io
import json
import os
import random
import sys
import tarfile

DIR, SEED, COUNT = sys.argv[1], sys.argv[2], int(sys.argv[3])
rng = random.Random(SEED)
NAMES = ["a", "b", "c", "dd", "usr", "lib", "x.y"]
lower = {}  # path -> "d", "f" or "l", of the layers so far


def blob(data):
    digest = hashlib.sha256(data).hexdigest()
    os.makedirs(f"{DIR}/blobs/sha256", exist_ok=True)
    with open(f"{DIR}/blobs/sha256/{digest}", "wb") as f:
        f.write(data)
    return {"digest": "sha256:" + digest, "size": len(data)}


def path():
    return "/".join(rng.choice(NAMES) for _ in range(rng.choice([1, 1, 2, 2, 3, 4])))


def entry(name, kind):
    t = tarfile.TarInfo(name)
    t.type, t.mode = kind, rng.choice([0o644, 0o755, 0o600, 0o4711 if kind == tarfile.REGTYPE else 0o700])
    t.uid, t.gid = rng.choice([0, 0, 1, 1000, 70000]), rng.choice([0, 5])
    t.mtime = 1_600_000_000 + rng.randrange(10**7)
    return t


def layer(first):
    out = io.BytesIO()
    mine = {}
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        if first:
            for name in ("dev", "proc", "sys", "etc"):
                tar.addfile(entry(name, tarfile.DIRTYPE))
        for _ in range(rng.randrange(5, 40)):
            p, do = path(), rng.random()
            # nothing below what this layer has made a file or a link
            parts = p.split("/")
            if any(mine.get("/".join(parts[:i]), "d") != "d" for i in range(1, len(parts))):
                continue
            known = [q for q in list(lower) + list(mine)]
            if do < 0.35:
                data = rng.randbytes(rng.choice([0, 1, 511, 512, 513, 5000]))
                t = entry(p, tarfile.REGTYPE)
                t.size = len(data)
                tar.addfile(t, io.BytesIO(data))
                mine = {q: k for q, k in mine.items() if not q.startswith(p + "/")}
                mine[p] = "f"
            elif do < 0.6:
                tar.addfile(entry(p, tarfile.DIRTYPE))
                mine[p] = "d"
            elif do < 0.7:
                t = entry(p, tarfile.SYMTYPE)
                t.linkname = rng.choice(["nowhere", "../up", "/etc"])
                tar.addfile(t)
                mine = {q: k for q, k in mine.items() if not q.startswith(p + "/")}
                mine[p] = "l"
            elif do < 0.8:
                files = [q for q, k in mine.items() if k == "f" and q != p and not p.startswith(q + "/") and not q.startswith(p + "/")]
                if files:
                    t = entry(p, tarfile.LNKTYPE)
                    t.linkname = rng.choice(files)
                    tar.addfile(t)
                    mine[p] = "f"
            elif do < 0.93 and known:
                q = rng.choice(known)
                if any(mine.get("/".join(q.split("/")[:i]), "d") != "d" for i in range(1, len(q.split("/")))):
                    continue
                head, _, tail = q.rpartition("/")
                tar.addfile(entry((head + "/" if head else "") + ".wh." + tail, tarfile.REGTYPE))
            else:
                dirs = [q for q in known if mine.get(q, lower.get(q)) == "d"]
                if dirs:
                    q = rng.choice(dirs)
                    if any(mine.get("/".join(q.split("/")[:i]), "d") != "d" for i in range(1, len(q.split("/")))):
                        continue
                    tar.addfile(entry(q + "/.wh..wh..opq", tarfile.REGTYPE))
    lower.update(mine)
    return out.getvalue()


layers = [layer(i == 0) for i in range(COUNT)]
for i, data in enumerate(layers):
    with open(f"{DIR}/{i + 1}.tar", "wb") as f:
        f.write(data)
config = {"os": "linux", "architecture": os.environ.get("ARCH", "amd64"), "config": {"Cmd": ["/none"]},
          "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(x).hexdigest() for x in layers]}}
media = "application/vnd.oci.image."
manifest = {"schemaVersion": 2, "mediaType": media + "manifest.v1+json",
            "config": {"mediaType": media + "config.v1+json", **blob(json.dumps(config).encode())},
            "layers": [{"mediaType": media + "layer.v1.tar", **blob(x)} for x in layers]}
index = {"schemaVersion": 2, "manifests": [{"mediaType": media + "manifest.v1+json", **blob(json.dumps(manifest).encode()),
         "annotations": {"org.opencontainers.image.ref.name": "random:latest"}}]}
with open(f"{DIR}/index.json", "w") as f:
    json.dump(index, f)
with open(f"{DIR}/oci-layout", "w") as f:
    f.write('{"imageLayoutVersion":"1.0.0"}')
