"""Connects to the host by every family but vsock, whose other end is nobody's to try."""

import socket

for family, address in [
    (socket.AF_INET, ("127.0.0.1", 22)),
    (socket.AF_INET, ("192.0.2.1", 80)),
    (socket.AF_INET6, ("::1", 22)),
    (socket.AF_UNIX, "\0deepdojo-test"),
    (socket.AF_UNIX, "/run/postgresql/.s.PGSQL.5432"),
]:
    try:
        with socket.socket(family) as tried:
            tried.settimeout(1)
            tried.connect(address)
            print("CONNECTED", address)
    except OSError as error:
        print("refused", error.errno)
