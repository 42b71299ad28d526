"""What the sandbox's own file system holds, as bubblewrap's options: read-only binds, two small disks, no more.

Nothing of the host can be written from inside, and nothing is seen but the interpreter, its libraries and the inputs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

from deepdojo.competition.sandbox.limits import SandboxError

__all__ = ["OUTPUT_FOLDER", "SYSTEM", "environment", "nul_separated", "options", "system_options", "toolchain"]

OUTPUT_FOLDER = "/tmp/output"
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/lib32")
_SYSTEM_FILES = ("/etc/ld.so.cache", "/etc/alternatives")  # where libraries are found; the latter names BLAS on Debian
_ID = "1000"  # inside; the uid outside tells which slot it is


@cache
def toolchain() -> tuple[Path, ...]:
    """The folders of this interpreter and its packages that `/usr` does not hold, outermost first, each once."""
    import deepdojo

    wanted = [Path(sys.base_prefix), Path(sys.base_exec_prefix), Path(sys.prefix), Path(sys.exec_prefix)]
    wanted += [Path(os.path.realpath(sys.executable)).parent.parent]
    wanted += [Path(entry) for entry in sys.path if entry.endswith(("site-packages", "dist-packages"))]
    wanted += [Path(deepdojo.__file__).parent]
    both = {path for each in wanted for path in (each, each.resolve()) if path.is_dir()}
    too_wide = both & {Path("/"), Path("/home"), Path("/tmp"), Path.home(), Path.home().resolve()}
    if too_wide:  # a bind would show all that lies there
        raise SandboxError(
            f"this Python is installed right in {min(too_wide)}, which the sandbox would have to show whole",
            todo="run the server with a virtual environment of its own",
        )
    outer: list[Path] = []
    for path in sorted(both, key=lambda p: len(p.parts)):
        if not any(path.is_relative_to(top) for top in [Path("/usr"), *outer]):
            outer.append(path)
    return tuple(outer)


def environment(threads: int = 1) -> dict[str, str]:
    """All variables that a program inside has: nothing of the host's, everything offline, caches on the small disk."""
    import deepdojo

    packages = [entry for entry in sys.path if entry.endswith(("site-packages", "dist-packages"))]
    return {
        "PYTHONPATH": os.pathsep.join([str(Path(deepdojo.__file__).parent.parent), *packages]),
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": "/tmp", "TMPDIR": "/tmp", "XDG_CACHE_HOME": "/tmp/.cache", "MPLCONFIGDIR": "/tmp/.cache",
        "USER": "sandbox", "LOGNAME": "sandbox", "LANG": "C.UTF-8", "TZ": "UTC",
        "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": str(threads),
        "DEEPDOJO_OFFLINE": "1", "DEEPDOJO_CACHE": "/tmp/.cache/deepdojo", "DEEPDOJO_CONFIG": "/tmp/.config",
        "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HOME": "/tmp/.cache/huggingface",
    }  # fmt: skip


def options(
    binds: Iterable[tuple[str, str]], files: Mapping[str, int], disk_bytes: int, descriptors: Mapping[str, int]
) -> list[str]:
    """bubblewrap's options in their order; they go through `--args`, so that no process shows host paths.

    Args:
        binds: (host, inside) pairs, read-only.
        files: inside path to the descriptor that holds the file's bytes.
        descriptors: of `info` and, unless the filter is off, `seccomp`.
    """
    size = str(disk_bytes)
    found = [
        "--unshare-all", "--unshare-user", "--disable-userns", "--cap-drop", "ALL", "--die-with-parent",
        "--new-session", "--as-pid-1", "--clearenv", "--hostname", "sandbox", "--uid", _ID, "--gid", _ID,
        "--info-fd", str(descriptors["info"]),
        "--proc", "/proc", "--dev", "/dev", "--size", size, "--tmpfs", "/dev/shm", "--size", size, "--tmpfs", "/tmp",
    ]  # fmt: skip
    if "seccomp" in descriptors:
        found += ["--seccomp", str(descriptors["seccomp"])]
    found += system_options()
    for host, inside in binds:
        found += ["--ro-bind", host, inside]
    for inside, descriptor in files.items():
        found += ["--ro-bind-data", str(descriptor), inside]
    # Later binds would fail on a read-only root, and --dev's own disk has no size.
    return [*found, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/tmp"]


def system_options() -> list[str]:
    """The system's programs and libraries; a link (`/lib` on a merged system) stays one."""
    found: list[str] = []
    for folder in SYSTEM:
        if os.path.islink(folder):
            found += ["--symlink", os.readlink(folder), folder]
        elif os.path.isdir(folder):
            found += ["--ro-bind", folder, folder]
    for file in _SYSTEM_FILES:
        found += ["--ro-bind-try", file, file]
    return found


def nul_separated(arguments: Sequence[str]) -> bytes:
    """The form of `--args`."""
    return b"".join(os.fsencode(argument) + b"\0" for argument in arguments)
