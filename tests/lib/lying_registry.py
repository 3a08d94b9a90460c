#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A registry that lies, for tests: serves one OCI layout, and misbehaves by the repository's name.

lying_registry.py LAYOUT STATE_DIR [CERT KEY]

Writes its port to STATE_DIR/port (and that of a second server, the "other host", to other_port),
and one line per request to STATE_DIR/log: "SERVER METHOD PATH range=R auth=A". With CERT and KEY
the first server speaks TLS. Repositories: see the methods named manifest_X, blob_X and auth_X.
"""
import base64
import hashlib
import json
import os
import re
import socket
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LAYOUT, STATE = sys.argv[1], sys.argv[2]
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
USER = "Basic " + base64.b64encode(b"user:secret").decode()
lock = threading.Lock()
counts = {}
uses = {}
log = open(STATE + "/log", "a", buffering=1)


def count(key):
    with lock:
        counts[key] = counts.get(key, 0) + 1
        return counts[key]


def read(digest):
    with open(f"{LAYOUT}/blobs/sha256/{digest[7:]}", "rb") as f:
        return f.read()


def find(reference):
    if reference.startswith("sha256:"):
        data = read(reference)
        return data, json.loads(data).get("mediaType", OCI_MANIFEST)
    with open(LAYOUT + "/index.json") as f:
        for d in json.load(f)["manifests"]:
            if d["annotations"]["org.opencontainers.image.ref.name"] == reference:
                return read(d["digest"]), d["mediaType"]
    return None, None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    name = "main"

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

    def error(self, status, code, message, **headers):
        body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
        self.reply(status, body, Content_Type="application/json", **headers)

    def cut(self, data, n, stall=False):
        """Claim all of @data, send @n bytes, then break off or say nothing more."""
        self.send_response(206 if self.start else 200)
        if self.start:
            self.send_header("Content-Range", f"bytes {self.start}-{self.start + len(data) - 1}/*")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[:n])
        self.wfile.flush()
        if stall:
            time.sleep(20)
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def blob(self, data):
        if not self.start:
            self.reply(200, data, Content_Type="application/octet-stream")
        else:
            self.reply(206, data[self.start:], Content_Range=f"bytes {self.start}-{len(data) - 1}/{len(data)}")

    # ---- authorization: True when the request may go on ----
    def challenge(self, value):
        self.error(401, "UNAUTHORIZED", "authentication required", WWW_Authenticate=value)
        return False

    def bearer(self, realm):
        token = self.headers.get("Authorization", "")
        with lock:
            left = uses.get(token, 0)
            uses[token] = left - 1
        if left > 0:
            return True
        return self.challenge(f'Bearer realm="{realm}",service="lying",scope="repository:{self.repo}:pull"')

    def auth_token(self):
        return self.bearer(f"{self.base}/token")

    auth_redirect = auth_token

    def auth_oncetoken(self):
        return self.bearer(f"{self.base}/oncetoken")

    def auth_usertoken(self):
        return self.bearer(f"{self.base}/usertoken")

    def auth_oauth(self):
        return self.bearer(f"{self.base}/oauth")

    def auth_httprealm(self):
        return self.bearer(f"http://127.0.0.1:{other.server_address[1]}/token")

    def auth_basic(self):
        return self.headers.get("Authorization") == USER or self.challenge('Basic realm="lying"')

    def auth_denied(self):
        return self.error(403, "DENIED", "requested access to the resource is denied")

    def auth_busy(self):
        if count("busy" + self.path) <= 2:
            self.error(429, "TOOMANYREQUESTS", "slow down", Retry_After="1")
            return False
        return True

    def auth_sick(self):
        if count("sick" + self.path) <= 2:
            self.error(503, "UNAVAILABLE", "not now")
            return False
        return True

    def auth_dead(self):
        return self.error(500, "UNKNOWN", "always broken")

    def do_token(self, kind):
        if kind == "oauth":
            form = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            print(self.name, "FORM", form, file=log)
            if self.command != "POST" or "refresh_token=re%2Ffresh" not in form:
                return self.error(401, "UNAUTHORIZED", "bad refresh token")
        if kind == "usertoken" and self.headers.get("Authorization") != USER:
            return self.error(401, "UNAUTHORIZED", "bad user")
        token = f"t{count('token')}"
        with lock:
            uses["Bearer " + token] = 1 if kind == "oncetoken" else 1000
        return self.reply(200, json.dumps({"token": token, "expires_in": 300}).encode())

    # ---- manifests ----
    def manifest_wrongmanifest(self, data, media):
        self.reply(200, data.replace(b"layers", b"Layers"), Content_Type=media,
                   Docker_Content_Digest="sha256:" + "0" * 64)

    def manifest_wrongtype(self, data, media):
        self.reply(200, data, Content_Type="application/vnd.docker.distribution.manifest.v2+json")

    def manifest_html(self, data, media):
        self.reply(200, b"<html>welcome to the portal</html>", Content_Type="text/html")

    def manifest_both(self, data, media):
        self.reply(200, json.dumps({**json.loads(data), "manifests": []}).encode(), Content_Type=media)

    def manifest_artifact(self, data, media):
        m = json.loads(data)
        m["config"]["mediaType"] = "application/vnd.cncf.helm.config.v1+json"
        self.reply(200, json.dumps(m).encode(), Content_Type=media)

    # schema 1: "schema1" is good, with a layer that changed nothing; the others are wrong in one thing
    def schema1(self, data, change=lambda m: None, jws=lambda p: None, body=lambda b: b):
        m = json.loads(data)
        config = json.loads(read(m["config"]["digest"]))
        blobs = [d["digest"] for d in m["layers"]]
        ids = [f"{i:064x}" for i in range(len(blobs) + 1)]
        entries = [{"id": v, "created": "2020-01-02T03:04:05Z", "container_config": {"Cmd": ["step", f"<{n}>"]},
                    **({"parent": ids[n - 1]} if n else {})} for n, v in enumerate(ids)]
        entries[-1].update(throwaway=True, architecture=config["architecture"], os="linux",
                           config=config.get("config", {}), author="me & you")
        doc = {"schemaVersion": 1, "name": self.repo, "tag": "latest", "architecture": config["architecture"],
               "fsLayers": [{"blobSum": d} for d in [blobs[0]] + blobs[::-1]],
               "history": [{"v1Compatibility": json.dumps(e)} for e in entries[::-1]]}
        change(doc)
        payload = json.dumps(doc, indent=3)
        b64 = lambda t: base64.urlsafe_b64encode(t.encode()).decode().rstrip("=")
        protected = {"formatLength": len(payload) - 2, "formatTail": b64(payload[-2:]), "time": "2020-01-02T03:04:05Z"}
        jws(protected)
        signature = {"header": {"alg": "ES256"}, "signature": b64("x"), "protected": b64(json.dumps(protected))}
        text = payload[:-2] + ',\n   "signatures": ' + json.dumps([signature]) + payload[-2:]
        digest = "sha256:" + hashlib.sha256(payload.encode()).hexdigest()
        self.reply(200, body(text.encode()), Docker_Content_Digest=digest,
                   Content_Type="application/vnd.docker.distribution.manifest.v1+prettyjws")

    def manifest_schema1(self, data, media):
        self.schema1(data)

    def manifest_v1count(self, data, media):
        self.schema1(data, lambda m: m["history"].pop())

    def manifest_v1empty(self, data, media):
        self.schema1(data, lambda m: m.update(fsLayers=[], history=[]))

    def manifest_v1many(self, data, media):
        self.schema1(data, lambda m: m.update(fsLayers=m["fsLayers"][:1] * 1025, history=m["history"][:1] * 1025))

    def manifest_v1parent(self, data, media):
        self.schema1(data, lambda m: m["history"].reverse())

    def manifest_v1path(self, data, media):
        self.schema1(data, lambda m: m["fsLayers"][1].update(blobSum="sha256:../../etc/passwd"))

    def manifest_v1text(self, data, media):
        self.schema1(data, lambda m: m["history"][1].update(v1Compatibility="no JSON"))

    def manifest_v1far(self, data, media):
        self.schema1(data, jws=lambda p: p.update(formatLength=1 << 40))

    def manifest_v1negative(self, data, media):
        self.schema1(data, jws=lambda p: p.update(formatLength=-1))

    def manifest_v1tail(self, data, media):
        self.schema1(data, jws=lambda p: p.update(formatTail="*"))

    def manifest_v1forged(self, data, media):
        self.schema1(data, body=lambda b: b.replace(b"me & you", b"somebody"))

    def manifest_endlessheader(self, data, media):
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for i in range(1 << 20):
            self.wfile.write(b"X-%d: %s\r\n" % (i, b"y" * 1000))

    def manifest_endlessbody(self, data, media):
        self.send_response(200)
        self.send_header("Content-Type", media)
        self.end_headers()
        for _ in range(1 << 20):
            self.wfile.write(b" " * 4096)

    def manifest_wrongdiff(self, data, media):
        m = json.loads(data)
        m["layers"][0], m["layers"][1] = m["layers"][1], m["layers"][0]
        self.reply(200, json.dumps(m).encode(), Content_Type=media)

    def manifest_wrongsize(self, data, media):
        m = json.loads(data)
        m["layers"][0]["size"] += 1
        self.reply(200, json.dumps(m).encode(), Content_Type=media)

    def manifest_control(self, data, media):
        self.error(404, "MANIFEST_UNKNOWN", "\x1b[31mred\x07")

    def manifest_warn(self, data, media):
        self.reply(200, data, Content_Type=media, Warning='299 - "this registry closes soon"')

    # ---- blobs ----
    def blob_wrongdigest(self, data):
        self.blob(data[:-1] + bytes([data[-1] ^ 1]))

    def blob_truncate(self, data):
        if count("truncate" + self.path) == 1:
            return self.cut(data, len(data) // 2)
        return self.blob(data)

    def blob_drip(self, data):
        """Breaks off after every third of the whole."""
        rest = data[self.start:]
        n = len(data) // 3 + 1
        return self.cut(rest, n) if len(rest) > n else self.blob(data)

    def blob_norange(self, data):
        if count("norange" + self.path) == 1:
            return self.cut(data, len(data) // 2)
        self.start = 0
        return self.blob(data)

    def blob_badrange(self, data):
        if count("badrange" + self.path) == 1:
            return self.cut(data, len(data) // 2)
        return self.reply(206, data[-10:], Content_Range=f"bytes {len(data) - 10}-{len(data) - 1}/{len(data)}")

    def blob_short(self, data):
        self.reply(200, data[:len(data) // 2] if not self.start else b"")

    def blob_toolong(self, data):
        self.reply(200, data + b"more")

    def blob_half(self, data):
        self.cut(data[self.start:], 100 * 1024 if len(data) > 300 * 1024 else len(data))

    def blob_stall(self, data):
        if len(data) > 100000 and count("stall" + self.path) == 1:
            return self.cut(data, len(data) // 2, stall=True)
        return self.blob(data)

    def blob_slow(self, data):
        """Half of what is large, and no more to this client until it asks again."""
        if self.start or len(data) <= 300 * 1024:
            return self.blob(data)
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[:len(data) // 2])
        self.wfile.flush()
        self.connection.recv(1)
        self.close_connection = True
        return None

    def blob_redirect(self, data):
        self.reply(307, Location=f"http://localhost:{other.server_address[1]}/file/{self.digest}")

    def blob_metadata(self, data):
        self.reply(307, Location="http://169.254.169.254/latest/meta-data")

    def blob_file(self, data):
        self.reply(307, Location="file:///etc/passwd")

    def blob_loop(self, data):
        self.reply(307, Location=self.path)

    def blob_lost(self, data):
        self.error(404, "BLOB_UNKNOWN", "blob unknown to registry")

    # ---- routing ----
    def do_GET(self):
        self.start = 0
        m = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if m:
            self.start = int(m[1])
        auth = self.headers.get("Authorization", "none").split(" ")[0]
        print(self.name, self.command, self.path, f"range={self.start} auth={auth}", file=log)
        host = self.headers.get("Host", "")
        self.base = f"{scheme}://{host}"
        m = re.match(r"/(token|oncetoken|usertoken|oauth)(\?|$)", self.path)
        if m:
            return self.do_token(m[1])
        m = re.match(r"/file/(sha256:[0-9a-f]{64})$", self.path)
        if m:
            if auth != "none":
                return self.error(400, "LEAK", "credentials of another host")
            return self.blob(read(m[1]))
        m = re.match(r"/v2/([^/]+)(/[^/]+)?/(manifests|blobs|tags|referrers)/([^/?]+)", self.path)
        if not m:
            return self.reply(200 if self.path == "/v2/" else 404)
        how, self.repo, kind, self.digest = m[1], m[1] + (m[2] or ""), m[3], m[4]
        if not getattr(self, "auth_" + how, lambda: True)():
            return None
        if kind == "tags":
            return self.tags()
        if kind == "referrers":
            return getattr(self, "referrers_" + how, lambda: self.error(404, "UNSUPPORTED", "no such API"))()
        if kind == "blobs" and not os.path.exists(f"{LAYOUT}/blobs/sha256/{self.digest[7:]}"):
            return self.blob_lost(None)
        if kind == "blobs":
            return getattr(self, "blob_" + how, self.blob)(read(self.digest))
        data, media = find(self.digest)
        if data is None:
            return self.error(404, "MANIFEST_UNKNOWN", "manifest unknown")
        plain = lambda d, t: self.reply(200, d, Content_Type=t)
        return getattr(self, "manifest_" + how, plain)(data, media)

    do_HEAD = do_POST = do_GET

    def referrers_api(self):
        """Two pages of one referrer each; the filter is not applied."""
        second = "page=2" in self.path
        entry = {"mediaType": OCI_MANIFEST, "digest": "sha256:" + ("2" if second else "1") * 64, "size": 7,
                 "artifactType": "application/" + ("sbom" if second else "signature")}
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}
        link = {} if second else {"Link": f'</v2/{self.repo}/referrers/{self.digest}?page=2>; rel="next"'}
        self.reply(200, json.dumps(index).encode(), Content_Type=OCI_INDEX, **link)

    def referrers_none(self):
        """An index of nonsense."""
        self.reply(200, b'{"schemaVersion":2,"manifests":[{"digest":"../../x"}]}', Content_Type=OCI_INDEX)

    def referrers_page(self):
        """Whoever knows no such path may answer with a page for browsers."""
        self.reply(200, b"<html>", Content_Type="text/html")

    def tags(self):
        """One tag per page."""
        with open(LAYOUT + "/index.json") as f:
            names = [d["annotations"]["org.opencontainers.image.ref.name"] for d in json.load(f)["manifests"]]
        m = re.search(r"last=([^&]+)", self.path)
        rest = names[names.index(m[1]) + 1:] if m else names
        # "far": the next page is on another host
        host = "http://192.0.2.9" if self.repo.startswith("far") else ""
        link = {"Link": f'<{host}/v2/{self.repo}/tags/list?n=1&last={rest[0]}>; rel="next"'} if len(rest) > 1 else {}
        self.reply(200, json.dumps({"name": self.repo, "tags": rest[:1]}).encode(), **link)


class Other(Handler):
    name = "other"


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # clients break off in these tests


address = os.environ.get("LYING_ADDRESS", "127.0.0.1")
main, other = Server((address, 0), Handler), Server((address, 0), Other)
scheme = "http"
if len(sys.argv) > 4:
    scheme = "https"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[3], sys.argv[4])
    main.socket = context.wrap_socket(main.socket, server_side=True)
with open(STATE + "/other_port", "w") as f:
    f.write(str(other.server_address[1]))
with open(STATE + "/port", "w") as f:
    f.write(str(main.server_address[1]))
threading.Thread(target=other.serve_forever, daemon=True).start()
main.serve_forever()
