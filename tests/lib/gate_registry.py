#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A registry of one blob that stops in the middle, for tests of who reads while it arrives.

gate_registry.py BLOB STATE_DIR [PORT]

Every repository has the blob under the digest in STATE_DIR/digest. A GET sends the first half and the rest when
STATE_DIR/go (a FIFO) is opened for writing: "go" sends it, "wrong" other bytes, "cut" ends the connection. Writes its
port to STATE_DIR/port and one line per request, with the range asked for, to STATE_DIR/log.
"""
import sys
import threading

from small_registry import SmallHandler, serve

DATA = open(sys.argv[1], "rb").read()
STATE = sys.argv[2]
GATE = threading.Lock()  # one word for each that waits: two that had the FIFO open would share one
WORDS = []  # that were read, but are for the next: of two writers at once the reader of the FIFO gets both


class Handler(SmallHandler):
    def do_GET(self):
        if not self.path.endswith("/blobs/" + open(STATE + "/digest").read().strip()):
            return self.head(200 if self.path == "/v2/" else 404, 0)
        asked = self.headers.get("Range")
        start = int(asked[6:].split("-")[0]) if asked else 0
        part = DATA[start:]
        if asked:
            self.head(206, len(part), Content_Range=f"bytes {start}-{len(DATA) - 1}/{len(DATA)}")
        else:
            self.head(200, len(part))
        if self.command == "HEAD":
            return
        half = max(len(DATA) // 2 - start, 0)
        self.wfile.write(part[:half])
        self.wfile.flush()
        with GATE:
            while not WORDS:
                with open(STATE + "/go") as f:
                    WORDS.extend(f.read().split())
            word = WORDS.pop(0)
        if word == "go":
            self.wfile.write(part[half:])
        elif word == "wrong":
            self.wfile.write(bytes(len(part) - half))
        else:
            self.close_connection = True


serve(Handler, STATE, int(sys.argv[3]) if len(sys.argv) > 3 else 0)
