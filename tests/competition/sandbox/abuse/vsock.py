"""Asks for a vsock socket, which no network namespace confines. It is never connected."""

import errno
import socket

for family in (40, socket.AF_NETLINK, socket.AF_PACKET):
    try:
        socket.socket(family, socket.SOCK_RAW if family == socket.AF_PACKET else socket.SOCK_STREAM).close()
        print("OPENED", family)
    except OSError as error:
        print("refused", errno.errorcode[error.errno])
