# SPDX-License-Identifier: Apache-2.0
"""Clients that no tool is: pipelined requests in one segment and byte by byte, an early close, chunks with
extensions and trailers. Speaks to a real server; bounded in count and time."""
import socket
import sys
import time

HOST = "Host: www.weir.test\r\n"


def talk(address, pieces, shut=False):
    with socket.create_connection(address, timeout=5) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            s.sendall(piece)
            time.sleep(0.002)
        if shut:
            s.shutdown(socket.SHUT_WR)
        s.settimeout(1)
        try:
            while s.recv(65536):
                pass
        except socket.timeout:
            pass


def main():
    address = (sys.argv[1], int(sys.argv[2]))
    get = "GET %s HTTP/1.1\r\n" + HOST + "%s\r\n"
    three = "".join(get % (path, "") for path in ("/", "/style.css", "/missing"))
    talk(address, [(three + get % ("/data.json", "Connection: close\r\n")).encode()])
    talk(address, [bytes([byte]) for byte in (get % ("/style.css", "Connection: close\r\n")).encode()])
    talk(address, [(get % ("/app?chunked", "")).replace("GET", "POST").encode()[:-2]
                   + b"Transfer-Encoding: chunked\r\n\r\n5;name=value\r\nhello\r\n", b"6\r\n world\r\n",
                   b"0\r\nX-Trailer: yes\r\n\r\n", (get % ("/style.css", "Connection: close\r\n")).encode()])
    talk(address, [b"HEAD /large.txt HTTP/1.1\r\n" + HOST.encode() + b"\r\n"
                   + (get % ("/style.css", "Connection: close\r\n")).encode()])
    talk(address, [b"GET / HTTP/1.0\r\n\r\n"], shut=True)
    talk(address, [b"not http at all\r\n\r\n"])


main()
