#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make a small image as an OCI layout, for flow tests of pulls.

mkimage.py DIR [--tag T] [--compress gzip,zstd,none] [--kb N] [--arch amd64,arm64] [--seed S]
               [--layers N]

Three layers (or N: the last one repeated, or fewer), packed as --compress says (used in turn): busybox with its links, files and a
whiteout, N KiB that do not compress. With several --arch the tag names an index, with an
attestation entry "unknown/unknown" as BuildKit makes them.
"""
import argparse
import gzip
import hashlib
import io
import json
import os
import random
import subprocess
import tarfile

LAYER = "application/vnd.oci.image.layer.v1.tar"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
SUFFIX = {"gzip": "+gzip", "zstd": "+zstd", "none": ""}


def sha(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Layout:
    def __init__(self, path):
        self.path = path
        os.makedirs(path + "/blobs/sha256", exist_ok=True)
        with open(path + "/oci-layout", "w") as f:
            f.write('{"imageLayoutVersion":"1.0.0"}')

    def blob(self, data, media_type, **more):
        digest = sha(data)
        with open(f"{self.path}/blobs/sha256/{digest[7:]}", "wb") as f:
            f.write(data)
        return {"mediaType": media_type, "digest": digest, "size": len(data), **more}

    def json(self, value, media_type, **more):
        return self.blob(json.dumps(value).encode(), media_type, **more)

    def tag(self, name, descriptor):
        path = self.path + "/index.json"
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": []}
        if os.path.exists(path):
            with open(path) as f:
                index = json.load(f)
        key = "org.opencontainers.image.ref.name"
        index["manifests"] = [d for d in index["manifests"] if d["annotations"][key] != name]
        index["manifests"].append({**descriptor, "annotations": {key: name}})
        with open(path, "w") as f:
            json.dump(index, f)


def tar_of(entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as t:
        for name, kind, value, mode in entries:
            info = tarfile.TarInfo(name)
            info.mode, info.mtime = mode, 1700000000
            if kind == "file":
                info.size = len(value)
                t.addfile(info, io.BytesIO(value))
                continue
            info.type = {"dir": tarfile.DIRTYPE, "link": tarfile.LNKTYPE, "sym": tarfile.SYMTYPE}[kind]
            info.linkname = value
            t.addfile(info)
    return out.getvalue()


def pack(data, how):
    if how == "gzip":
        return gzip.compress(data, 1, mtime=0)
    if how == "zstd":
        return subprocess.run(["zstd", "-q", "-1"], input=data, stdout=subprocess.PIPE, check=True).stdout
    return data


def layers_of(arch, kb, seed):
    with open("/bin/busybox", "rb") as f:
        busybox = f.read()
    names = ["sh", "cat", "echo", "ls", "true", "false", "sleep", "id", "env", "stat", "hostname", "ps", "wc"]
    base = [(d, "dir", "", 0o755) for d in ("bin", "etc", "proc", "sys", "dev", "root", "tmp", "gone")]
    base += [("bin/busybox", "file", busybox, 0o755)]
    base += [("bin/" + n, "sym", "busybox", 0o777) for n in names]
    base += [("etc/passwd", "file", b"root:x:0:0:root:/root:/bin/sh\n", 0o644), ("gone/file", "file", b"x", 0o644)]
    more = [("etc/arch", "file", arch.encode(), 0o644), ("etc/arch-link", "link", "etc/arch", 0o644),
            (".wh.gone", "file", b"", 0o644)]
    noise = [("noise", "file", random.Random(seed).randbytes(kb * 1024), 0o600)]
    return [tar_of(base), tar_of(more), tar_of(noise)]


def image(layout, arch, a):
    how = a.compress.split(",")
    tars = layers_of(arch, a.kb, a.seed)
    tars = tars[:a.layers] + tars[-1:] * (a.layers - len(tars))
    layers = [layout.blob(pack(t, how[i % len(how)]), LAYER + SUFFIX[how[i % len(how)]])
              for i, t in enumerate(tars)]
    config = {"created": "2023-11-14T22:13:20Z", "architecture": arch, "os": "linux",
              "config": {"Env": ["PATH=/bin"], "Cmd": ["/bin/sh"], "Labels": {"test": "yes"}},
              "rootfs": {"type": "layers", "diff_ids": [sha(t) for t in tars]},
              "history": [{"created": "2023-11-14T22:13:20Z", "created_by": f"layer {i}"} for i in range(len(tars))]}
    return layout.json({"schemaVersion": 2, "mediaType": MANIFEST, "config": layout.json(config, CONFIG),
                        "layers": layers}, MANIFEST)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("dir")
    p.add_argument("--tag", default="latest")
    p.add_argument("--compress", default="gzip")
    p.add_argument("--kb", type=int, default=512)
    p.add_argument("--arch", default="amd64")
    p.add_argument("--seed", default="onggi")
    p.add_argument("--layers", type=int, default=3)
    a = p.parse_args()
    layout = Layout(a.dir)
    made = [{**image(layout, arch, a), "platform": {"os": "linux", "architecture": arch}}
            for arch in a.arch.split(",")]
    if len(made) > 1:
        made.insert(0, layout.json({"schemaVersion": 2, "mediaType": MANIFEST, "config": layout.json({}, CONFIG),
                                    "layers": []}, MANIFEST, platform={"os": "unknown", "architecture": "unknown"}))
        layout.tag(a.tag, layout.json({"schemaVersion": 2, "mediaType": INDEX, "manifests": made}, INDEX))
    else:
        made[0].pop("platform")
        layout.tag(a.tag, made[0])


if __name__ == "__main__":
    main()
