#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A registry that takes uploads and makes them hard: upload_registry.py MODE DIR

plain     takes everything
cut       breaks the first stream off after a part of it, and says so when asked
forget    breaks the first stream off and forgets the session
limit     refuses bodies above 8 MB with 413
busy      answers the first request of each upload with 503
foreign   lets blobs be sent to another port; asks for Basic user:secret itself
lost      takes a part of every stream and says that it is all
Writes DIR/port and DIR/log (a line per request: PORT METHOD PATH length=N range=R auth=A), keeps blobs in
DIR/blobs and manifests in DIR/manifests.
"""
import base64
import hashlib
import http.server
import os
import re
import sys
import threading

MODE, DIR = sys.argv[1:3]
USER = "Basic " + base64.b64encode(b"user:secret").decode()
for name in ("blobs", "manifests"):
    os.makedirs(f"{DIR}/{name}", exist_ok=True)
sessions, lock, state = {}, threading.Lock(), {"next": 0, "cut": False, "busy": set()}
servers = []


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def reply(self, status, body=b"", **headers):
        self.send_response(status)
        for k, v in headers.items():
            self.send_header(k.replace("_", "-"), v)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def session_reply(self, status, name):
        n = len(sessions[name])
        port = servers[-1 if MODE == "foreign" else 0].server_address[1]
        self.reply(status, Location=f"http://127.0.0.1:{port}/upload/{name}?state=x", Range=f"0-{max(n - 1, 0)}")

    def body(self, name, limit=None):
        """what comes is in the session at once, however it ends"""
        left = int(self.headers.get("Content-Length", 0))
        taken = 0
        while left:
            piece = self.rfile.read(min(left, 65536))
            if not piece:
                return False
            left -= len(piece)
            if limit is not None and taken + len(piece) > limit:
                piece = piece[:limit - taken]
            taken += len(piece)
            sessions[name] += piece
            if limit is not None and taken >= limit:
                return False
        return True

    def handle_one(self):
        auth = self.headers.get("Authorization", "none").split(" ")[0]
        with lock, open(f"{DIR}/log", "a") as f:
            print(self.server.server_address[1], self.command, self.path,
                  f"length={self.headers.get('Content-Length', 'none')}",
                  f"range={self.headers.get('Content-Range', 'none')} auth={auth}", file=f)
        own = self.server is servers[0]
        if MODE == "foreign" and own and self.headers.get("Authorization") != USER:
            return self.reply(401, WWW_Authenticate='Basic realm="x"')
        if self.path == "/v2/":
            return self.reply(200, b"{}")
        m = re.match(r"/v2/(.+)/blobs/(sha256:[0-9a-f]{64})$", self.path)
        if m:
            there = os.path.exists(f"{DIR}/blobs/{m[2]}")
            return self.reply(200 if there else 404)
        if re.match(r"/v2/.+/blobs/uploads/", self.path) and self.command == "POST":
            with lock:
                name = str(state["next"])
                state["next"] += 1
                sessions[name] = b""
            return self.session_reply(202, name)
        m = re.match(r"/v2/.+/manifests/(.+)$", self.path)
        if m and self.command == "PUT":
            data = self.rfile.read(int(self.headers["Content-Length"]))
            with open(f"{DIR}/manifests/{m[1]}", "wb") as f:
                f.write(data)
            return self.reply(201)
        m = re.match(r"/upload/(\d+)\?state=x(?:&digest=(.+))?$", self.path)
        return self.upload(m[1], m[2]) if m else self.reply(404)

    def upload(self, name, digest):
        if name not in sessions:
            return self.reply(404)
        if self.command == "DELETE":
            del sessions[name]
            return self.reply(204)
        if self.command == "GET":
            return self.session_reply(204, name)
        if MODE == "busy" and name not in state["busy"]:
            state["busy"].add(name)
            self.close_connection = True
            return self.reply(503)
        length = int(self.headers.get("Content-Length", 0))
        if MODE == "limit" and length > 8 << 20:
            self.close_connection = True
            return self.reply(413)
        span = self.headers.get("Content-Range")
        if span and int(span.split("-")[0]) != len(sessions[name]):
            self.close_connection = True
            return self.session_reply(416, name)
        if MODE in ("cut", "forget") and self.command == "PATCH" and not state["cut"]:
            state["cut"] = True
            self.body(name, length // 3)
            if MODE == "forget":
                del sessions[name]
            self.close_connection = True
            return self.connection.close()
        if MODE == "lost" and self.command == "PATCH":
            had = len(sessions[name])
            self.body(name)
            sessions[name] = sessions[name][:had + length // 2]
            return self.reply(202, Location=f"/upload/{name}?state=x", Range=f"0-{length - 1}")
        if length and not self.body(name):
            return None
        if self.command == "PATCH":
            return self.session_reply(202, name)
        data = sessions.pop(name)
        if "sha256:" + hashlib.sha256(data).hexdigest() != digest:
            return self.reply(400, b'{"errors":[{"code":"DIGEST_INVALID","message":"other bytes"}]}')
        with open(f"{DIR}/blobs/{digest}", "wb") as f:
            f.write(data)
        return self.reply(201)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_one


for _ in range(2):
    servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler))
threading.Thread(target=servers[1].serve_forever, daemon=True).start()
with open(f"{DIR}/port.new", "w") as f:
    print(servers[0].server_address[1], servers[1].server_address[1], file=f)
os.rename(f"{DIR}/port.new", f"{DIR}/port")
servers[0].serve_forever()
