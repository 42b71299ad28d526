"""Process 1 of the sandbox: starts the program, reaps, and when it has ended copies its output to a pipe.

Runs inside, under all the confinement but the resource limits, with the standard library's fastest modules alone; the
server never imports it. Process 1 cannot be killed from inside, and when it ends, all others end.
"""

from __future__ import annotations

import _signal as signal  # the public module costs 8 ms, for its enumerations
import os
import resource

_CHUNK = 1 << 16


def main(plan):
    """`plan`: go, status and output (descriptors), limits, command, env, cwd, file, output_bytes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Python would turn it into an exception here
    os.makedirs(os.path.dirname(plan["file"]), exist_ok=True)
    os.write(plan["status"], b"ready\n")
    if os.read(plan["go"], 1) != b"g":
        os._exit(1)
    program = os.fork()
    if program == 0:
        start(plan)
    status, usage = reap_until(program)
    end_all()
    fault = copy(plan)
    line = f"{os.waitstatus_to_exitcode(status)}\t{usage.ru_maxrss}\t{fault}\n"
    os.write(plan["status"], line.encode("utf-8", "replace")[:1000])
    os._exit(0)


def start(plan):
    """Never returns: becomes the program, with none of our descriptors."""
    try:
        for number in os.listdir("/proc/self/fd"):
            if int(number) > 2:
                close(int(number))
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.setsid()
        for which, value in plan["limits"]:
            resource.setrlimit(which, (value, value))
        os.chdir(plan["cwd"])
        os.execve(plan["command"][0], plan["command"], plan["env"])
    except OSError as error:
        os.write(2, f"cannot start {plan['command'][0]}: {error.strerror}\n".encode())
    finally:
        os._exit(127)


def close(descriptor):
    try:  # noqa: SIM105  # contextlib is another 5 ms
        os.close(descriptor)
    except OSError:
        pass  # the one that listed them is closed already


def reap_until(program):
    """Wait for the program; orphans that end meanwhile come here too."""
    while True:
        pid, status, usage = os.wait4(-1, 0)
        if pid == program:
            return status, usage


def end_all():
    """Nobody is left who could change the output while it is copied, or hold its pipes open."""
    try:
        while True:
            os.kill(-1, signal.SIGKILL)
            os.wait()
    except (ChildProcessError, ProcessLookupError):
        pass


def copy(plan):
    """Send the output file; gives what is wrong with it, or nothing. One byte over the cap tells of its size."""
    try:
        file = os.open(plan["file"], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return "it is missing"
    except OSError as error:
        link = os.path.islink(plan["file"])
        return "it is a symbolic link" if link else f"it cannot be opened ({error.strerror})"
    if os.fstat(file).st_mode & 0o170000 != 0o100000:
        return "it is no ordinary file"
    left = plan["output_bytes"] + 1
    try:
        while left and (data := os.read(file, min(left, _CHUNK))):
            left -= len(data)
            while data:
                data = data[os.write(plan["output"], data) :]
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
    return ""
