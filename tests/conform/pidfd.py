# SPDX-License-Identifier: Apache-2.0
#
# pidfd.py SOCKET OUTPUT - an engine's end of --pidfd-socket: take one pidfd and write the PID behind it.
import os
import socket
import sys

listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen(1)
conn, _ = listener.accept()
_, control, _, _ = conn.recvmsg(64, socket.CMSG_SPACE(4))
fd = int.from_bytes(control[0][2][:4], sys.byteorder)
with open(f"/proc/self/fdinfo/{fd}") as info:
    pid = [line.split()[1] for line in info if line.startswith("Pid:")][0]
with open(sys.argv[2] + ".new", "w") as out:
    out.write(pid + "\n")
os.rename(sys.argv[2] + ".new", sys.argv[2])
