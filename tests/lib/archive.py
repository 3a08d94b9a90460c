#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes docker-archives out of layers written down as text, for tests of layers.

  archive.py OUT NAME LAYER.txt...   each line of a layer is one tar member:
    d MODE PATH [uid gid]     directory            f MODE PATH TEXT...   file
    l PATH TARGET             symbolic link        h PATH TARGET         hard link
    c PATH MAJOR MINOR        device               p PATH                pipe
    x KEY=VALUE               PAX record of the next member
  The lowest layer of every archive is busybox with its applets, unless NAME begins with "bare/".
"""
import hashlib, io, json, subprocess, sys, tarfile


def member(tar, words, pax):
    kind = words[0]
    info = tarfile.TarInfo(words[1] if kind in "lhcp" else words[2])
    info.mtime, info.pax_headers, body = 1500000000, dict(pax), b""
    if kind == "d":
        info.type, info.mode = tarfile.DIRTYPE, int(words[1], 8)
        if len(words) > 3:
            info.uid, info.gid = int(words[3]), int(words[4])
    elif kind == "f":
        info.mode, body = int(words[1], 8), " ".join(words[3:]).encode()
        info.size = len(body)
    elif kind in "lh":
        info.type, info.mode = (tarfile.SYMTYPE if kind == "l" else tarfile.LNKTYPE), 0o777
        info.linkname = words[2] if len(words) > 2 else ""
    elif kind == "c":
        info.type, info.mode = tarfile.CHRTYPE, 0o666
        info.devmajor, info.devminor = int(words[2]), int(words[3])
    elif kind == "p":
        info.type, info.mode = tarfile.FIFOTYPE, 0o600
    tar.addfile(info, io.BytesIO(body))


def layer(text):
    out, pax = io.BytesIO(), {}
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for line in text.splitlines():
            words = line.encode().decode("unicode_escape").encode("latin-1").decode("utf-8", "surrogateescape").split(" ")
            if words[0] == "x":
                key, _, value = " ".join(words[1:]).partition("=")
                pax[key] = value
            elif line and line[0] != "#":
                member(tar, words, pax)
                pax = {}
    return out.getvalue()


def busybox():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, mode in (("./", 0o755), ("bin", 0o755), ("dev", 0o755), ("proc", 0o755), ("sys", 0o755), ("etc", 0o755)):
            info = tarfile.TarInfo(name)
            info.type, info.mode, info.mtime = tarfile.DIRTYPE, mode, 1500000000
            tar.addfile(info)
        with open("/bin/busybox", "rb") as f:
            info = tarfile.TarInfo("bin/busybox")
            info.mode, info.size = 0o755, len(f.read())
            f.seek(0)
            tar.addfile(info, f)
        for name in subprocess.check_output(["/bin/busybox", "--list"], text=True).split():
            if name != "busybox":
                info = tarfile.TarInfo("bin/" + name)
                info.type, info.linkname = tarfile.SYMTYPE, "busybox"
                tar.addfile(info)
    return out.getvalue()


def put(tar, name, data):
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), 0o644
    tar.addfile(info, io.BytesIO(data))


def main():
    out, name, files = sys.argv[1], sys.argv[2], sys.argv[3:]
    layers = [] if name.startswith("bare/") else [busybox()]
    layers += [open(f, "rb").read() if f.endswith(".tar") else layer(open(f).read()) for f in files]
    config = {"architecture": "amd64", "os": "linux", "config": {"Cmd": ["sh"], "Env": ["PATH=/bin"]},
              "created": "2020-01-01T00:00:00Z",
              "rootfs": {"type": "layers",
                         "diff_ids": ["sha256:" + hashlib.sha256(l).hexdigest() for l in layers]}}
    config = json.dumps(config).encode()
    config_name = hashlib.sha256(config).hexdigest() + ".json"
    names = ["%d/layer.tar" % i for i in range(len(layers))]
    with tarfile.open(out, "w") as tar:
        put(tar, config_name, config)
        for path, data in zip(names, layers):
            put(tar, path, data)
        put(tar, "manifest.json", json.dumps([{"Config": config_name, "RepoTags": [name], "Layers": names}]).encode())


main()
