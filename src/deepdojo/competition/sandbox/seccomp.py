"""The seccomp filter, assembled as BPF: what no program in the sandbox may ask of the kernel.

Refused with EPERM: other processes' memory, namespaces, mounts, keys, tracing, io_uring, bpf and what only
administrators need. Sockets: AF_UNIX alone (a network namespace does not confine AF_VSOCK). Memory that no watchdog
sees (memfd, System V) and calls newer than this file: ENOSYS. A call in another machine's convention ends the program.
"""

from __future__ import annotations

import errno
import platform
import struct

from deepdojo.competition.sandbox.limits import SandboxError
from deepdojo.competition.sandbox.syscalls import LAST_KNOWN, MACHINES

__all__ = ["filter_program"]

_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _AUDIT, _FIRST, _SECOND = 0, 4, 16, 24  # offsets in struct seccomp_data; the low half of an argument
_X32_BIT = 0x40000000
_NEW_NAMESPACES = 0x7E020000  # CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C  # put characters into a terminal's input
_AF_UNIX = 1

# glibc tries clone3 first, whose flags lie in memory where a filter cannot look: "no such call" makes it use clone.
_NO_SUCH_CALL = ("clone3", "memfd_create", "memfd_secret", "shmget", "msgget", "io_setup")
_BY_ARGUMENT = ("socket", "socketpair", "clone", "ioctl")


def filter_program(machine: str | None = None) -> bytes:
    """The filter as an array of struct sock_filter, in this machine's byte order.

    Args:
        machine: as `platform.machine()` has it; None: this one.

    Raises:
        SandboxError: for a machine whose system calls are not known here.
    """
    name = machine or platform.machine()
    if name not in MACHINES:
        raise SandboxError(f"no seccomp filter is known for {name}, only for {' and '.join(MACHINES)}")
    audit, numbers = MACHINES[name]
    code = [
        _step(_LOAD, _AUDIT),
        _step(_EQUAL, audit, 1, 0),
        _answer(_KILL),
        _step(_LOAD, _NUMBER),
        _step(_AT_LEAST, _X32_BIT, 0, 1),
        _answer(_KILL),
        _step(_AT_LEAST, LAST_KNOWN + 1, 0, 1),
        _answer(_ERRNO | errno.ENOSYS),
    ]
    for call, number in numbers.items():
        if call not in _BY_ARGUMENT:
            refusal = errno.ENOSYS if call in _NO_SUCH_CALL else errno.EPERM
            code += [_step(_EQUAL, number, 0, 1), _answer(_ERRNO | refusal)]
    for call in ("socket", "socketpair"):
        code += _when(numbers[call], _FIRST, [_step(_EQUAL, _AF_UNIX, 1, 0), _answer(_ERRNO | errno.EAFNOSUPPORT)])
    code += _when(numbers["clone"], _FIRST, [_step(_ANY_BIT, _NEW_NAMESPACES, 0, 1), _answer(_ERRNO | errno.EPERM)])
    pushes = [_step(_EQUAL, _TIOCSTI, 1, 0), _step(_EQUAL, _TIOCLINUX, 0, 1), _answer(_ERRNO | errno.EPERM)]
    return b"".join([*code, *_when(numbers["ioctl"], _SECOND, pushes), _answer(_ALLOW)])


def _step(operation: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", operation, if_true, if_false, value)


def _answer(value: int) -> bytes:
    return _step(_RETURN, value)


def _when(number: int, argument: int, tests: list[bytes]) -> list[bytes]:
    """The tests on one argument of one call; what passes them is allowed there and then."""
    inside = [_step(_LOAD, argument), *tests, _answer(_ALLOW)]
    return [_step(_EQUAL, number, 0, len(inside)), *inside]
