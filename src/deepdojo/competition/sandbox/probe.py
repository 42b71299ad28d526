"""Runs inside the sandbox for the self-test: tries what must fail and writes what did not, as JSON. Standard library
alone; the server never imports it.
"""

import ctypes
import errno
import json
import os
import platform
import resource
import socket
import sys
import threading

_BUFFER = ctypes.create_string_buffer(256)


def main(plan):
    found = {}
    found["user"] = os.getuid() != 0 and os.geteuid() != 0
    status = dict(line.split(":\t", 1) for line in lines("/proc/self/status") if ":\t" in line)
    found["capabilities"] = all(int(status[name], 16) == 0 for name in ("CapEff", "CapPrm", "CapBnd"))
    found["privileges"] = status["NoNewPrivs"] == "1"
    found["filter"] = status["Seccomp"] == "2"
    # Only socket() is tried: whatever answers behind AF_VSOCK is not ours to talk to.
    found["sockets"] = all(refused(lambda f=f: socket.socket(f), errno.EAFNOSUPPORT) for f in plan["families"])
    found["calls"] = all(called(number) for number in plan["refused"])
    found["network"] = [line.split(":")[0].strip() for line in lines("/proc/net/dev")[2:]] == ["lo"]
    found["processes"] = sorted(filter(str.isdigit, os.listdir("/proc"))) == sorted(["1", str(os.getpid())])
    found["environment"] = set(os.environ) <= set(plan["environment"])
    places = ("/", "/usr", "/dev", "/input", os.path.dirname(os.__file__))
    found["writing"] = not any(map(writable, places))
    found["host files"] = not any(map(os.path.exists, ("/etc/shadow", "/etc/passwd", "/home", "/sys", "/run", "/var")))
    found["disk"] = all(map(small, ("/tmp", "/dev/shm"), [plan["disk_bytes"]] * 2))
    found["files"] = resource.getrlimit(resource.RLIMIT_NOFILE)[1] == plan["open_files"]
    found["threads"] = crowd() <= plan["processes"]
    with open(plan["output"], "w") as file:
        json.dump(found, file)


def lines(path):
    with open(path) as file:
        return file.read().splitlines()


def refused(call, code):
    try:
        call().close()
    except OSError as error:
        return error.errno == code
    return False


def called(number):
    """Whether a system call is refused for its number alone: its arguments are all wrong anyway."""
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.syscall(number, -1, -1, -1, -1, -1) == -1 and ctypes.get_errno() in (errno.EPERM, errno.ENOSYS)


def writable(folder):
    try:
        with open(os.path.join(folder, "probe"), "w"):
            return True
    except OSError:
        return False


def small(folder, most):
    now = os.statvfs(folder)
    return now.f_blocks * now.f_frsize <= most + 4096


def crowd():
    """How many threads can live at a time, at most a few more than may."""
    go_home = threading.Event()
    threads = []
    try:
        for _ in range(100):
            thread = threading.Thread(target=go_home.wait)
            thread.start()
            threads.append(thread)
    except RuntimeError:
        pass
    go_home.set()
    for thread in threads:
        thread.join()
    return len(threads) + 1


if __name__ == "__main__":
    assert platform.system() == "Linux"
    main(json.loads(sys.argv[1]))
