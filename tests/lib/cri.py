#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# cri.py - one call of the Kubernetes container runtime interface (runtime.v1), for tests without
# crictl: JSON in, JSON out. gRPC's framing around a protobuf message is posted by curl.
#
#   cri.py SOCKET METHOD [JSON]      cri.py /run/x.sock ExecSync '{"container_id": "a", "cmd": ["id"]}'
#
# A status other than 0 is printed with its text, and the exit status is 1.
import json
import subprocess
import sys
import tempfile
import urllib.parse

# name -> number, type: "s" string, "i" varint, a dict for a message, [..] repeated, {} in "m" a map
META = {"name": (1, "s"), "uid": (2, "s"), "namespace": (3, "s"), "attempt": (4, "i")}
NS = {"network": (1, "i"), "pid": (2, "i"), "ipc": (3, "i")}
POD = {"metadata": (1, META), "hostname": (2, "s"), "log_directory": (3, "s"), "annotations": (7, "m"),
       "linux": (8, {"cgroup_parent": (1, "s"), "security_context": (2, {"namespace_options": (1, NS)})})}
RES = {"cpu_period": (1, "i"), "cpu_quota": (2, "i"), "cpu_shares": (3, "i"), "memory_limit_in_bytes": (4, "i")}
SEC = {"capabilities": (1, {"add": (1, ["s"]), "drop": (2, ["s"])}), "namespace_options": (3, NS),
       "run_as_user": (5, {"value": (1, "i")}), "readonly_rootfs": (7, "i"), "no_new_privs": (11, "i")}
CONTAINER = {"metadata": (1, {"name": (1, "s")}), "image": (2, {"image": (1, "s")}), "command": (3, ["s"]),
             "args": (4, ["s"]), "working_dir": (5, "s"), "log_path": (11, "s"), "tty": (14, "i"),
             "mounts": (7, [{"container_path": (1, "s"), "host_path": (2, "s"), "readonly": (3, "i")}]),
             "linux": (15, {"resources": (1, RES), "security_context": (2, SEC)})}
VALUE = {"value": (1, "i")}
STATUS = {"id": (1, "s"), "state": (3, "i"), "exit_code": (7, "i"), "reason": (10, "s"), "message": (11, "s")}
CID, PID = {"container_id": (1, "s")}, {"pod_sandbox_id": (1, "s")}
METHODS = {
    "Version": ({}, {"runtime_name": (2, "s"), "runtime_version": (3, "s")}),
    "RunPodSandbox": ({"config": (1, POD), "runtime_handler": (2, "s")}, PID),
    "StopPodSandbox": (PID, {}),
    "RemovePodSandbox": (PID, {}),
    "CreateContainer": ({"pod_sandbox_id": (1, "s"), "config": (2, CONTAINER), "sandbox_config": (3, POD)}, CID),
    "StartContainer": (CID, {}),
    "StopContainer": ({"container_id": (1, "s"), "timeout": (2, "i")}, {}),
    "RemoveContainer": (CID, {}),
    "ContainerStatus": (CID, {"status": (1, STATUS)}),
    "UpdateContainerResources": ({"container_id": (1, "s"), "linux": (2, RES)}, {}),
    "ExecSync": ({"container_id": (1, "s"), "cmd": (2, ["s"]), "timeout": (3, "i")},
                 {"stdout": (1, "s"), "stderr": (2, "s"), "exit_code": (3, "i")}),
    "ContainerStats": (CID, {"stats": (1, {"cpu": (2, {"usage_core_nano_seconds": (2, VALUE)}),
                                           "memory": (3, {"working_set_bytes": (2, VALUE)})})}),
    "ReopenContainerLog": (CID, {}),
}


def varint(n):
    out = bytearray()
    n &= (1 << 64) - 1
    while True:
        out.append(n & 127 | (128 if n > 127 else 0))
        n >>= 7
        if not n:
            return bytes(out)


def field(number, kind, value):
    if isinstance(kind, list):
        return b"".join(field(number, kind[0], v) for v in value)
    if kind == "m":
        pair = {"k": (1, "s"), "v": (2, "s")}
        return b"".join(field(number, pair, {"k": k, "v": v}) for k, v in value.items())
    if kind == "i":
        return varint(number << 3) + varint(int(value))
    data = value.encode() if kind == "s" else encode(kind, value)
    return varint(number << 3 | 2) + varint(len(data)) + data


def encode(schema, value):
    return b"".join(field(*schema[k], v) for k, v in value.items())


def take(data, at):
    n = shift = 0
    while True:
        n |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return n, at


def decode(schema, data):
    names = {number: (name, kind) for name, (number, kind) in schema.items()}
    out, at = {}, 0
    while at < len(data):
        key, at = take(data, at)
        value, at = take(data, at)
        if key & 7 == 2:
            value, at = data[at:at + value], at + value
        name, kind = names.get(key >> 3, (None, None))
        if name:
            out[name] = value if kind == "i" else value.decode() if kind == "s" else decode(kind, value)
    return out


def main():
    socket, method = sys.argv[1:3]
    request, answer = METHODS[method]
    body = encode(request, json.loads(sys.argv[3] if len(sys.argv) > 3 else "{}"))
    with tempfile.NamedTemporaryFile() as head:
        data = subprocess.run(
            ["curl", "-sS", "--max-time", "60", "--http2-prior-knowledge", "--unix-socket", socket, "-D", head.name,
             "-H", "content-type: application/grpc", "-H", "te: trailers", "--data-binary", "@-",
             "http://localhost/runtime.v1.RuntimeService/" + method],
            input=b"\0" + len(body).to_bytes(4, "big") + body, stdout=subprocess.PIPE, check=True).stdout
        fields = dict(line.split(": ", 1) for line in head.read().decode().splitlines() if ": " in line)
    if fields.get("grpc-status") != "0":
        print(fields.get("grpc-status"), urllib.parse.unquote(fields.get("grpc-message", "")))
        return 1
    print(json.dumps(decode(answer, data[5:])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
