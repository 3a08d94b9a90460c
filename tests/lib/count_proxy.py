#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Stands before a registry, passes requests on and counts what it sends, for tests.

count_proxy.py HOST:PORT STATE_DIR [PORT]

Writes its port to STATE_DIR/port and one line per reply to STATE_DIR/log: "METHOD PATH range=R status=S sent=N mode=WORDS"
(a reply is noted when it has been sent, which may be after its client has gone on to something else). The words in STATE_DIR/mode, read anew for each blob: "norange": ranges are not passed on, "endless": not where they end;
"refuse": a range is answered by 416, "busy": by 429; "hold": sends half of a range that does not reach the end of the
blob, writes "held" to the log and waits until the client has gone; "cut": sends half of it, if that is much, and hangs up, "lie": sends
other bytes; "shift": a range that does not reach the end comes from one byte further on; "crawl=N": what reaches the
end stops after 10000 bytes until N ranges that do not have been answered or the client has gone; "pace=B": B bytes a
second on each connection.
"""
import http.client
import os
import select
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

UPSTREAM, STATE = sys.argv[1], sys.argv[2]
LOCK = threading.Lock()
ANSWERED = threading.Condition()
answered = 0


def mode():
    try:
        with open(STATE + "/mode") as f:
            return {word.partition("=")[0]: word.partition("=")[2] for word in f.read().split()}
    except FileNotFoundError:
        return {}


def log(line):
    with LOCK, open(STATE + "/log", "a") as f:
        f.write(line + "\n")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def crawl(self, body, n):
        self.wfile.write(body[:10000])
        self.wfile.flush()
        with ANSWERED:
            while answered < n and not select.select([self.connection], [], [], 0)[0]:
                ANSWERED.wait(0.1)
        return body[10000:]

    def paced(self, body, rate):
        began = time.monotonic()
        for at in range(0, len(body), rate // 50 + 1):
            self.wfile.write(body[at:at + rate // 50 + 1])
            time.sleep(max(0, began + at / rate - time.monotonic()))

    def do_GET(self):
        asked = self.headers.get("Range", "-")
        self.inner = asked.startswith("bytes=") and not asked.endswith("-")
        try:
            self.answer(asked, self.inner)
        finally:
            self.note_answered()

    def note_answered(self):
        global answered
        if self.inner:
            with ANSWERED:
                answered += 1
                ANSWERED.notify_all()
        self.inner = False

    def answer(self, asked, inner):
        how = mode() if "/blobs/" in self.path else {}
        passed = {k: ", ".join(self.headers.get_all(k)) for k in self.headers if k.lower() not in ("host", "connection")}
        if "norange" in how:
            passed.pop("Range", None)
        if "endless" in how and inner:
            passed["Range"] = asked[:asked.index("-") + 1]
        refused = 416 if "refuse" in how and asked != "-" else 429 if "busy" in how and inner else 0
        if refused:
            self.send_response(refused)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return log(f"{self.command} {self.path} range={asked} status={refused} sent=0 mode={','.join(how)}")
        up = http.client.HTTPConnection(UPSTREAM)
        up.request(self.command, self.path, headers=passed)
        reply = up.getresponse()
        body = reply.read()
        content = reply.getheader("Content-Range", "")
        if inner and content:
            first, rest = content[6:].split("-")
            last, whole = rest.split("/")
            inner = int(last) + 1 < int(whole)
        self.send_response(reply.status)
        for k, v in reply.getheaders():
            if "shift" in how and inner and k == "Content-Range":
                v = f"bytes {int(first) + 1}-{int(last) + 1}/{whole}"
            if k.lower() not in ("connection", "transfer-encoding", "content-length"):
                self.send_header(k, v)
        self.send_header("Content-Length", reply.getheader("Content-Length", str(len(body))))
        self.end_headers()
        if inner and ("hold" in how or ("cut" in how and len(body) > 1000)):
            self.wfile.write(body[:len(body) // 2])
            self.wfile.flush()
            log(f"{'held' if 'hold' in how else 'cut'} {self.path}")
            self.note_answered()
            if "hold" in how:
                select.select([self.connection], [], [])
            self.close_connection = True
            return None
        if inner and "lie" in how:
            body = bytes(255 - b for b in body)
        rest = self.crawl(body, int(how["crawl"])) if "crawl" in how and not inner and self.command == "GET" else body
        if "pace" in how:
            self.paced(rest, int(how["pace"]))
        else:
            self.wfile.write(rest)
        return log(f"{self.command} {self.path} range={asked} status={reply.status} sent={len(body)} mode={','.join(how)}")

    do_HEAD = do_GET


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # clients are killed in these tests


Server.allow_reuse_address = True
server = Server(("127.0.0.1", int(sys.argv[3]) if len(sys.argv) > 3 else 0), Handler)
with open(STATE + "/port.new", "w") as out:
    out.write(str(server.server_address[1]))
os.rename(STATE + "/port.new", STATE + "/port")
server.serve_forever()
