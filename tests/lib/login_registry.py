#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A registry that only answers /v2/: login_registry.py basic|bearer|identity PORTFILE LOG

basic     asks for Basic user:secret
bearer    names a realm on itself that gives a token for user:secret
identity  the same, and gives a refresh token with it
"""
import base64
import http.server
import json
import os
import sys

MODE, PORTFILE, LOG = sys.argv[1:4]
USER = "Basic " + base64.b64encode(b"user:secret").decode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def reply(self, status, body=b"", **headers):
        self.send_response(status)
        for k, v in headers.items():
            self.send_header(k.replace("_", "-"), v)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        auth = self.headers.get("Authorization", "")
        with open(LOG, "a") as f:
            print(self.path, file=f)
        if self.path.startswith("/token"):
            if auth != USER:
                return self.reply(401)
            doc = {"token": "good"}
            if MODE == "identity":
                doc["refresh_token"] = "lasting"
            return self.reply(200, json.dumps(doc).encode())
        if MODE == "basic":
            return self.reply(200) if auth == USER else self.reply(401, WWW_Authenticate='Basic realm="x"')
        if auth == "Bearer good":
            return self.reply(200, b"{}")
        realm = f"http://127.0.0.1:{self.server.server_address[1]}/token"
        return self.reply(401, WWW_Authenticate=f'Bearer realm="{realm}",service="x"')

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(PORTFILE + ".new", "w") as f:
    print(server.server_address[1], file=f)
os.rename(PORTFILE + ".new", PORTFILE)
server.serve_forever()
