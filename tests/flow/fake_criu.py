#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# fake_criu.py swrk 3 - plays CRIU for tests where the real one does not know the kernel. Reads and
# writes CRIU's messages by code of its own, and does what $FAKE_CRIU says, a blank-separated list:
#
#   version=N.M      (3.17) answer to the question for it
#   die              end without an answer        fail     refuse, with a log that has errors
#   notify=NAME      send this notification too   kill     dump: kill the process that is dumped
#   tty              restore: a terminal, its master sent along
#   hang             restore: never answer after the notifications
#   nomem, nolazy    lack these features
#   exit=N           restore: the process ends with this status after reading a line, else it sleeps
#
# The request goes as JSON, numbers of rpc.proto as keys, to $FAKE_CRIU_OUT. "Restored" is a process
# of /bin/sh that is our parent's child, as CRIU makes it.
import ctypes, json, os, pty, signal, socket, sys

SYS_CLONE = 56
CLONE_PARENT = 0x8000
DUMP, RESTORE, PRE_DUMP, NOTIFY, FEATURES, VERSION = 1, 2, 4, 6, 9, 10
do = dict((w.split("=", 1) + [""])[:2] for w in os.environ.get("FAKE_CRIU", "").split())
sock = socket.socket(fileno=int(sys.argv[2]))


def varint(data, i):
    v = shift = 0
    while True:
        v |= (data[i] & 127) << shift
        shift += 7
        i += 1
        if data[i - 1] < 128:
            return v, i


NESTED = {(): {2, 5}, (2,): {11, 23, 25, 27, 39}, (5,): set()}


def decode(data, where=()):
    out, i = {}, 0
    while i < len(data):
        tag, i = varint(data, i)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, i = varint(data, i)
            if value >> 63:
                value -= 1 << 64
        else:
            n, i = varint(data, i)
            value, i = data[i:i + n], i + n
            if number in NESTED.get(where, set()):
                value = decode(value, where + (number,))
            else:
                value = value.decode()
        out.setdefault(str(number), []).append(value)
    return out


def number(n, v):
    def enc(v):
        v &= (1 << 64) - 1
        out = b""
        while v > 127:
            out += bytes([v & 127 | 128])
            v >>= 7
        return out + bytes([v])
    return enc(n << 3) + enc(v)


def nested(n, body):
    return bytes([n << 3 | 2, len(body)]) + body


def answer(kind, ok, rest=b""):
    sock.send(number(1, kind) + number(2, ok) + rest)


def notify(name, pid=0, fds=()):
    message = number(1, NOTIFY) + number(2, 1) + nested(5, nested(1, name.encode()) + number(2, pid))
    socket.send_fds(sock, [message], fds) if fds else sock.send(message)
    reply = sock.recv(4096)
    if not reply or decode(reply).get("3") != [1]:
        sys.exit(1)


def log(opts, name):
    # as CRIU finds its directories: by the descriptors of the peer
    peer = int.from_bytes(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)[:4], "little")
    fd = opts.get("17", opts["1"])[0]
    with open("/proc/%d/fd/%d/%s" % (peer, fd, name), "w") as f:
        f.write("(00.000001) Version: fake\n")
        if "fail" in do:
            f.write("(00.000002) Error (fake/one.c:1): the first thing\n(00.000003) going on\n")
            f.write("(00.000004) Error (fake/two.c:2): the second thing\n")


def restored(slave):
    global resume
    wait, resume = os.pipe()
    pid = ctypes.CDLL(None).syscall(SYS_CLONE, CLONE_PARENT | signal.SIGCHLD, 0, 0, 0, 0)
    if pid:
        os.close(wait)
        return pid
    sock.close()
    # as CRIU's tasks: they run when everybody has been told of them
    os.close(resume)
    os.read(wait, 1)
    os.close(wait)
    if slave >= 0:
        os.setsid()
        for i in range(3):
            os.dup2(slave, i)
    then = "exit " + do["exit"] if "exit" in do else "exec sleep 1000"
    os.execv("/bin/sh", ["sh", "-c", ("" if "exit" not in do and slave < 0 else "read l; echo \"got $l\"; ") + then])


request = sock.recv(1 << 16)
if not request:
    sys.exit(1)
q = decode(request)
kind, opts = q["1"][0], q.get("2", [{}])[0]
if kind == VERSION:
    major, minor = do.get("version", "3.17").split(".")
    answer(VERSION, 1, nested(10, number(1, int(major)) + number(2, int(minor))))
    sys.exit(0)
if kind == FEATURES:
    answer(FEATURES, 1, nested(8, number(1, "nomem" not in do) + number(2, "nolazy" not in do)))
    sys.exit(0)
with open(os.environ["FAKE_CRIU_OUT"], "w") as f:
    # what orun has put into place for us
    q["mounted"] = [l.split()[4] for l in open("/proc/self/mountinfo")]
    q["cgroup"] = open("/proc/self/cgroup").read()
    root = opts.get("13", [""])[0]
    q["root"] = sorted(os.listdir(root)) if kind == RESTORE and os.path.isdir(root) else []
    json.dump(q, f)
if "die" in do:
    print("Error (fake/start.c:9): not even begun", file=sys.stderr)
    sys.exit(1)
log(opts, opts["10"][0])
if "fail" in do:
    answer(kind, 0, number(7, 22))
    sys.exit(1)
if "notify" in do:
    notify(do["notify"])
if kind in (DUMP, PRE_DUMP):
    if "kill" in do:
        os.kill(opts["2"][0], signal.SIGKILL)
    answer(kind, 1)
    sys.exit(0)
master = slave = -1
if "tty" in do:
    master, slave = pty.openpty()
pid = restored(slave)
notify("setup-namespaces", pid)
if master >= 0:
    notify("orphan-pts-master", 0, [master])
if "hang" in do:
    open(os.environ["FAKE_CRIU_OUT"] + ".hang", "w")
    sock.recv(1)
    os.kill(pid, signal.SIGKILL)
    sys.exit(1)
os.close(resume)
answer(RESTORE, 1, nested(4, number(1, pid)))
