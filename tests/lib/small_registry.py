# SPDX-License-Identifier: Apache-2.0
"""What small registries of tests share: the answer's head with a line in STATE_DIR/log per request, HEAD, the port that is
told when the server listens."""
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class SmallHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state = None  # folder

    def log_message(self, *args):
        pass

    def head(self, status, n, **headers):
        with open(self.state + "/log", "a") as f:
            f.write(f"{self.command} {self.path} {self.headers.get('Range', '-')}\n")
        self.send_response(status)
        for k, v in headers.items():
            self.send_header(k.replace("_", "-"), v)
        self.send_header("Content-Length", str(n))
        self.end_headers()

    def do_HEAD(self):
        self.do_GET()


def serve(handler, state, port):
    handler.state = state
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    with open(state + "/port.new", "w") as f:
        f.write(str(server.server_address[1]))
    os.rename(state + "/port.new", state + "/port")
    server.serve_forever()
