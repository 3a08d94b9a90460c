#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# A registry's v1 search for tests: search_registry.py PORTFILE LOG [MODE]. MODE: "" | none (404) | auth (Basic
# user:secret) | broken | lie (more than asked for, control characters) | error
import base64
import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

mode = sys.argv[3] if len(sys.argv) > 3 else ""
ALL = [
    {"name": "nginx", "description": "Official build of Nginx, a web server that serves what it has.", "star_count": 1900,
     "is_official": True, "is_automated": False},
    {"name": "team/nginx-proxy", "description": "proxy\nof two lines", "star_count": 20, "is_official": False,
     "is_automated": True},
    {"name": "other/nginx", "description": "", "star_count": 0, "is_official": False, "is_automated": False},
]


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def send(self, status, body, headers=()):
        self.send_response(status)
        for k, v in headers:
            self.send_header(k, v)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        with open(sys.argv[2], "a") as f:
            f.write(self.path + "\n")
        u = urlsplit(self.path)
        if u.path != "/v1/search" or mode == "none":
            return self.send(404, b"")
        if mode == "auth" and self.headers.get("Authorization") != "Basic " + base64.b64encode(b"user:secret").decode():
            return self.send(401, b"", [("WWW-Authenticate", 'Basic realm="search"')])
        if mode == "error":
            return self.send(418, b"")
        if mode == "broken":
            return self.send(200, b'{"results": [{"description": 1}]}')
        if mode == "lie":
            return self.send(200, json.dumps({"results": [
                {"name": f"n{i}", "description": "\u001b[2Jclear\u009b", "star_count": i} for i in range(500)]}).encode())
        q = parse_qs(u.query)
        found = [r for r in ALL if q["q"][0] in r["name"]][:int(q["n"][0])]
        self.send(200, json.dumps({"query": q["q"][0], "num_results": len(found), "results": found}).encode())


server = HTTPServer(("127.0.0.1", 0), Handler)
with open(sys.argv[1], "w") as f:
    f.write(str(server.server_port))
server.serve_forever()
