"""Starts bubblewrap for one run: its descriptors, its options, the uid and the ways to what is bound."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from deepdojo.competition.sandbox import reading
from deepdojo.competition.sandbox.descriptors import Descriptors
from deepdojo.competition.sandbox.limits import Limits, SandboxError
from deepdojo.competition.sandbox.mounts import OUTPUT_FOLDER, nul_separated, options, toolchain
from deepdojo.competition.sandbox.owner import mark, scratch_folder
from deepdojo.competition.sandbox.seccomp import filter_program

__all__ = ["Launched", "launch"]

_INSIDE = "/tmp/.start.py"
_HERE = Path(__file__).parent


@dataclass
class Launched:
    """A started bubblewrap and the ends of its pipes: `info`, `status`, `output`, `stdout`, `stderr`; `go` to write."""

    process: subprocess.Popen[bytes]
    info: int
    status: int
    output: int
    stdout: int
    stderr: int
    go: int


def launch(
    stack: ExitStack,
    opened: Descriptors,
    bwrap: str,
    plan: Mapping[str, object],
    binds: Mapping[str, Path],
    files: Mapping[str, bytes],
    limits: Limits,
    uid: int | None,
    *,
    filtered: bool,
) -> Launched:
    """Start; copies are removed when `stack` is closed, descriptors closed with `opened`.

    Args:
        plan: command, env, cwd, file (of the output), limits: for `inside.main`.
        binds: inside path to host path.
        files: inside path to content.
        uid: to take before the start (root), or None.

    Raises:
        SandboxError: when something to bind is not there, or bubblewrap cannot be started.
    """
    ends = {name: opened.pipe() for name in ("info", "status", "output", "stdout", "stderr", "go")}
    theirs = {name: ends[name][0 if name == "go" else 1] for name in ends}
    whole = dict(plan) | {name: theirs[name] for name in ("go", "status", "output")}
    program = f"{(_HERE / 'inside.py').read_text(encoding='utf-8')}\n\nmain({whole!r})\n"
    held = {_INSIDE: program.encode(), **files}
    contents = {inside: opened.memory_file(content) for inside, content in held.items()}
    pairs, mounts = _ways(stack, binds, uid)
    descriptors = {"info": theirs["info"]}
    if filtered:
        descriptors["seccomp"] = opened.memory_file(filter_program())
    arguments = opened.memory_file(nul_separated(options(pairs, contents, limits.disk_bytes, descriptors)))
    base = os.path.realpath(sys.executable)
    argv = [mark(), "--args", str(arguments), "--", base, "-I", "-S", "-B", _INSIDE]
    passed = [theirs[name] for name in ("info", "status", "output", "go")] + [arguments, *contents.values()]
    passed += [descriptors["seccomp"]] if filtered else []
    # If the server dies now, bubblewrap must not die of a broken pipe halfway: its inner process would wait for ever.
    passed.append(ends["info"][0])
    process = _start(opened, bwrap, argv, passed, mounts, uid, theirs["stdout"], theirs["stderr"])
    for end in theirs.values():
        opened.close(end)
    ours = {name: ends[name][1 if name == "go" else 0] for name in ends}
    for name, end in ours.items():
        os.set_blocking(end, name == "go")
    return Launched(process, **ours)


def _start(
    opened: Descriptors, bwrap: str, argv: list[str], passed: list[int], mounts: Sequence[tuple[str, str]],
    uid: int | None, stdout: int, stderr: int,
) -> subprocess.Popen[bytes]:  # fmt: skip
    """As we are; as another uid; or, where that uid needs a way into closed folders, by `reach.py`."""
    program = bwrap
    if mounts:
        fields = [str(uid), bwrap, str(len(argv)), *argv, *(path for pair in mounts for path in pair)]
        reach = opened.memory_file(nul_separated(fields))
        program = os.path.realpath(sys.executable)
        argv = [program, "-I", "-S", "-B", str(_HERE / "reach.py"), str(reach)]
        passed, uid = [*passed, reach], None
    try:
        return subprocess.Popen(
            argv, executable=program, pass_fds=passed, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr,
            env={}, cwd="/", user=uid, group=uid, extra_groups=None if uid is None else [],
        )  # fmt: skip
    except OSError as error:
        raise SandboxError(f"bubblewrap cannot be started ({error.strerror or error})", where=bwrap) from error


def _ways(
    stack: ExitStack, binds: Mapping[str, Path], uid: int | None
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """(host, inside) pairs for bubblewrap, and (closed, open) pairs that `reach.py` binds before it."""
    wanted = [(path, str(path), False) for path in toolchain()]
    wanted += [(Path(host).absolute(), inside, True) for inside, host in binds.items()]
    pairs, mounts = [], []
    folder: Path | None = None
    for number, (host, inside, is_input) in enumerate(wanted):
        if not host.exists():
            raise SandboxError("is not there, so the sandbox cannot show it", where=str(host))
        way = host
        if uid is not None and (is_input or not reading.enterable(host)):
            closed = is_input and not reading.readable_by_all(host)
            if closed or not reading.enterable(host):
                folder = folder or stack.enter_context(_Scratch())
                way = folder / str(number)
                if closed:
                    reading.copy_for(host, way, uid)
                else:
                    way.mkdir() if host.is_dir() else way.touch()
                    mounts.append((str(host), str(way)))
        pairs.append((str(way), inside))
    return pairs, mounts


class _Scratch:
    """A folder of copies and mount points that is removed at the end."""

    def __enter__(self) -> Path:
        self.folder = scratch_folder()
        return self.folder

    def __exit__(self, *exception: object) -> None:
        import shutil

        shutil.rmtree(self.folder, ignore_errors=True)


def output_path(name: str) -> str:
    """Where the program has to leave its output."""
    return f"{OUTPUT_FOLDER}/{name}"
