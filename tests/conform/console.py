# SPDX-License-Identifier: Apache-2.0
#
# console.py SOCKET OUTPUT - an engine's end of --console-socket: take one terminal, write what comes
# out of it to OUTPUT until it is closed. OUTPUT.ready appears when it can be connected to, OUTPUT.closed at the end.
import os
import socket
import sys

listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen(1)
open(sys.argv[2] + ".ready", "w").close()
conn, _ = listener.accept()
_, control, _, _ = conn.recvmsg(4096, socket.CMSG_SPACE(4))
fd = int.from_bytes(control[0][2][:4], sys.byteorder)
with open(sys.argv[2], "wb", buffering=0) as out:
    try:
        while data := os.read(fd, 4096):
            out.write(data)
    except OSError:
        pass
open(sys.argv[2] + ".closed", "w").close()
