#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A registry of one OCI layout that sends parts of blobs at once and whole blobs when told, for tests of layers that come
while they are used.

range_registry.py LAYOUT STATE_DIR [PORT]

Every repository has what the layout has; tags are its reference names. GET of a blob with a closed range ("bytes=A-B") is
answered at once. A GET of more sends the first half of what was asked for, notes the digest in STATE_DIR/held, and sends
the rest after a SIGUSR1. STATE_DIR/lies: digests of blobs, one a line, of whose closed
ranges every byte is turned round from then on. STATE_DIR/down: every request is answered by 503. STATE_DIR/stall: closed
ranges are noted in STATE_DIR/stalled, and wait until it is gone. STATE_DIR/whole: no parts of blobs, whatever is asked for.
Writes its port to STATE_DIR/port and one line per request, with the range asked for, to STATE_DIR/log.
"""
import json
import os
import signal
import sys
import threading
import time

from small_registry import SmallHandler, serve

LAYOUT, STATE = sys.argv[1], sys.argv[2]
OPEN = threading.Event()


def blob(digest):
    algo, _, digits = digest.partition(":")
    path = os.path.join(LAYOUT, "blobs", algo, digits)
    return open(path, "rb").read() if digits.isalnum() and os.path.exists(path) else None


def manifest(name):
    for m in json.load(open(LAYOUT + "/index.json"))["manifests"]:
        if name in (m["digest"], m.get("annotations", {}).get("org.opencontainers.image.ref.name")):
            return m["digest"], m["mediaType"], blob(m["digest"])
    return None


class Handler(SmallHandler):
    def send(self, data):
        if self.command != "HEAD":
            self.wfile.write(data)
            self.wfile.flush()

    def blob(self, digest):
        data, asked = blob(digest), self.headers.get("Range")
        if os.path.exists(STATE + "/whole"):
            asked = None
        if data is None:
            return self.head(404, 0)
        first, _, last = (asked or "bytes=0-")[6:].partition("-")
        part = data[int(first):int(last) + 1 if last else None]
        if last and os.path.exists(STATE + "/stall"):
            with open(STATE + "/stalled", "a") as f:
                f.write(digest + "\n")
            while os.path.exists(STATE + "/stall"):
                time.sleep(0.02)
        if last and os.path.exists(STATE + "/lies") and digest in open(STATE + "/lies").read().split():
            part = bytes(255 - b for b in part)
        if asked:
            self.head(206, len(part), Content_Range=f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}")
        else:
            self.head(200, len(part))
        held = not last and not OPEN.is_set() and self.command == "GET" and len(data) > 4096
        self.send(part[:len(part) // 2] if held else part)
        if held:
            with open(STATE + "/held", "a") as f:
                f.write(digest + "\n")
            OPEN.wait()
            self.send(part[len(part) // 2:])

    def do_GET(self):
        kind, name = self.path.split("/")[-2:] if self.path.count("/") > 2 else ("", "")
        if os.path.exists(STATE + "/down"):
            return self.head(503, 0)
        if kind == "blobs":
            return self.blob(name)
        found = manifest(name) if kind == "manifests" else None
        if not found:
            return self.head(200 if self.path == "/v2/" else 404, 0)
        self.head(200, len(found[2]), Content_Type=found[1], Docker_Content_Digest=found[0])
        self.send(found[2])


signal.signal(signal.SIGUSR1, lambda *_: OPEN.set())
serve(Handler, STATE, int(sys.argv[3]) if len(sys.argv) > 3 else 0)
