#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# A volume plugin for tests: volume_plugin.py SOCKET FOLDER. Volumes are folders below FOLDER/data; every call is a
# line "METHOD NAME ID" of FOLDER/log. FOLDER/mode, read at each call, makes it misbehave:
#
#   METHOD WHAT    WHAT: err TEXT (in "Err") | status (500 with text) | hang | close | garbage | nojson | badpath |
#                  nodir | liename | huge | chunked | endless
import json
import os
import shutil
import socketserver
import sys
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler

sock, folder = sys.argv[1:3]
data = os.path.join(folder, "data")
os.makedirs(data, exist_ok=True)
known = os.path.join(folder, "known")  # outlives the plugin: name -> options


one = threading.Lock()  # what is known is read, changed and written by one request at a time


def volumes():
    return json.load(open(known)) if os.path.exists(known) else {}


def save(v):
    with open(known + ".new", "w") as f:
        json.dump(v, f)
    os.rename(known + ".new", known)


def told(name):
    return {"Name": name, "Mountpoint": os.path.join(data, name), "CreatedAt": "2024-01-02T03:04:05Z",
            "Status": {"opts": json.dumps(volumes()[name], sort_keys=True)}}


def answer(method, q):
    name = q.get("Name", "")
    if method == "Plugin.Activate":
        return {"Implements": ["VolumeDriver"]}
    if method == "VolumeDriver.Capabilities":
        return {"Capabilities": {"Scope": "global"}}
    if method == "VolumeDriver.List":
        return {"Volumes": [told(n) for n in volumes()]}
    if method == "VolumeDriver.Create":
        v = volumes()
        v[name] = q.get("Opts")
        save(v)
        os.makedirs(os.path.join(data, name), exist_ok=True)
        return {"Err": ""}
    if name not in volumes():
        return {"Err": "no such volume here"}
    if method == "VolumeDriver.Get":
        return {"Volume": told(name)}
    if method in ("VolumeDriver.Mount", "VolumeDriver.Path"):
        return {"Mountpoint": os.path.join(data, name), "Err": ""}
    if method == "VolumeDriver.Remove":
        v = volumes()
        del v[name]
        save(v)
        shutil.rmtree(os.path.join(data, name))
    return {"Err": ""}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def send(self, status, body, chunked=False):
        self.send_response(status)
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
            body = b"".join(b"%x\r\n%c\r\n" % (1, c) for c in body) + b"0\r\n\r\n"
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        method = self.path[1:]
        q = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with open(os.path.join(folder, "log"), "a") as f:
            f.write(f"{method} {q.get('Name', '')} {q.get('ID', '')}".strip() + "\n")
        if self.headers["Content-Type"] != "application/vnd.docker.plugins.v1.1+json":
            return self.send(415, b"wrong type")
        what, text = "", ""
        try:
            for line in open(os.path.join(folder, "mode")):
                m, what_, *rest = line.rstrip("\n").split(" ", 2)
                if m == method:
                    what, text = what_, (rest or [""])[0]
        except FileNotFoundError:
            pass
        with one:
            reply = json.dumps(answer(method, q) if what != "err" else {"Err": text}).encode()
        if what == "hang":
            time.sleep(1000)
        elif what == "close":
            self.close_connection = True
        elif what == "garbage":
            self.wfile.write(b"\x00\xffno HTTP at all\r\n\r\n")
            self.close_connection = True
        elif what == "endless":
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            while True:
                self.wfile.write(b"X-Header: y\r\n" * 1000)
        elif what == "huge":
            self.send(200, b'{"Err": "' + b"x" * (5 << 20) + b'"}')
        elif what == "status":
            self.send(500, b"internal trouble")
        elif what == "nojson":
            self.send(200, b"<html>")
        elif what == "badpath":
            self.send(200, b'{"Mountpoint": "relative/path"}')
        elif what == "nodir":
            self.send(200, b'{"Mountpoint": "/no/such/folder"}')
        elif what == "liename":
            self.send(200, b'{"Volume": {"Name": "another", "Mountpoint": "/etc"}}')
        elif what == "nodriver":
            self.send(200, b'{"Implements": ["NetworkDriver"]}')
        else:
            self.send(200, reply, what == "chunked")

    def address_string(self):
        return "unix"


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 2

    def handle_error(self, *_):
        with open(os.path.join(folder, "errors"), "a") as f:  # of a client that was killed, or our own
            f.write(traceback.format_exc())


if os.path.exists(sock):
    os.unlink(sock)
Server(sock, Handler).serve_forever()
