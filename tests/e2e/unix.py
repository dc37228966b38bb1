# SPDX-License-Identifier: Apache-2.0
"""HTTP over a socket in the file system."""
import http.client
import socket

import probe


class Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=probe.SECONDS)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))
