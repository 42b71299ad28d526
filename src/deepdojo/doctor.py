"""What of this machine matters to DeepDojo, each with a verdict and what to do about it. Torch runs in a child."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any, Literal

__all__ = ["Finding", "examine"]

Verdict = Literal["ok", "note", "warning", "error"]
_OLDEST, _NEWEST = (3, 11), (3, 13)
_LITTLE_DISK_BYTES = 2 * 1024**3
_TORCH_TIMEOUT_S = 120
# Run in a child: a torch that crashes on import is a finding, not our end.
_TORCH = """
import json, torch
devices = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
mps = bool(getattr(torch.backends, "mps", None) and torch.backends.mps.is_available())
print(json.dumps({"version": torch.__version__, "cuda": devices, "mps": mps, "threads": torch.get_num_threads(),
                  "bf16": bool(devices) and torch.cuda.is_bf16_supported()}))
"""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        verdict: ok; note (good to know); warning (works, but worse than it could); error (has to be mended).
        todo: what to do, empty when there is nothing.
    """

    name: str
    value: str
    verdict: Verdict = "ok"
    todo: str = ""


def examine() -> list[Finding]:
    """Look at everything. Takes as long as importing torch once (in a child process)."""
    checks: list[Callable[[], list[Finding]]] = [
        _python, _torch, _packages, _disk, _folders, _network, _terminal,
    ]  # fmt: skip
    return [finding for check in checks for finding in check()]


def _python() -> list[Finding]:
    value = f"{platform.python_version()} ({sys.executable})"
    if not _OLDEST <= sys.version_info[:2] <= _NEWEST:
        return [Finding("Python", value, "error", "install Python 3.11, 3.12 or 3.13")]
    system = Finding(
        "system", f"{platform.system()} {platform.release()}, {platform.machine()}, {os.cpu_count()} cores"
    )
    return [Finding("Python", value), system]


def _torch() -> list[Finding]:
    try:
        version("torch")
    except PackageNotFoundError:
        return [Finding("torch", "not installed", "error", "pip install torch")]
    try:
        done = subprocess.run(
            [sys.executable, "-c", _TORCH],
            capture_output=True,
            timeout=_TORCH_TIMEOUT_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return [Finding("torch", f"cannot be imported ({type(error).__name__})", "error", "install torch anew")]
    if done.returncode != 0:
        last = (done.stderr.decode("utf-8", "replace").strip().splitlines() or ["it crashed"])[-1]
        return [Finding("torch", f"cannot be imported: {last[:120]}", "error", "install torch anew")]
    return _torch_findings(json.loads(done.stdout))


def _torch_findings(facts: dict[str, Any]) -> list[Finding]:
    if facts["cuda"]:
        device = Finding("device", ", ".join(facts["cuda"]) + (", bf16" if facts["bf16"] else ""))
    elif facts["mps"]:
        device = Finding("device", "Apple GPU (mps)")
    else:
        device = Finding("device", "CPU only", "note", "fine for small data; large models want a CUDA GPU")
    cores = os.cpu_count() or 1
    threads = Finding("threads", f"{facts['threads']} of {cores} cores")
    if facts["threads"] < cores // 2 and "OMP_NUM_THREADS" in os.environ:
        threads = Finding("threads", threads.value, "note", "OMP_NUM_THREADS limits them; unset it to use all cores")
    return [Finding("torch", facts["version"]), device, threads]


def _packages() -> list[Finding]:
    """Required packages that are missing or outside their bounds."""
    try:
        wanted = [line for line in requires("deepdojo") or [] if "extra ==" not in line]
    except PackageNotFoundError:
        return [Finding("packages", "deepdojo itself is not installed", "warning", "pip install -e . in its folder")]
    missing, wrong = [], []
    for line in wanted:
        name = line.split(";")[0].split(" ")[0]
        for sign in "<>=!~[":
            name = name.partition(sign)[0]
        try:
            got = version(name)
        except PackageNotFoundError:
            missing.append(name)
            continue
        if not _within(got, line.split(";")[0].removeprefix(name)):
            wrong.append(f"{name} {got}")
    if missing:
        return [Finding("packages", f"missing: {', '.join(missing)}", "error", f"pip install {' '.join(missing)}")]
    if wrong:
        return [Finding("packages", f"untested versions: {', '.join(wrong)}", "warning", "pip install -U deepdojo")]
    return [Finding("packages", f"all {len(wanted)} there")]


def _within(got: str, bounds: str) -> bool:
    """Whether a version lies in `>=2.11,<2.14`; pre-release and local parts are not looked at."""
    have = _numbers(got)
    for bound in bounds.strip(" ()").split(","):
        if bound.startswith(">=") and have < _numbers(bound[2:]):
            return False
        if bound.startswith("<") and not bound.startswith("<=") and have >= _numbers(bound[1:]):
            return False
    return True


def _numbers(text: str) -> tuple[int, ...]:
    parts = []
    for part in text.split("+")[0].split("."):
        digits = "".join(c for c in part if c.isdigit())
        if not digits:
            break
        parts.append(int(digits))
    return tuple([*parts, 0, 0, 0][:3])


def _disk() -> list[Finding]:
    try:
        free = shutil.disk_usage(Path.cwd()).free
    except OSError as error:
        return [Finding("disk", str(error), "warning")]
    value = f"{free / 1024**3:.1f} GB free here"
    if free < _LITTLE_DISK_BYTES:
        return [Finding("disk", value, "warning", "free some space: data and runs can take a few GB")]
    return [Finding("disk", value)]


def _folders() -> list[Finding]:
    from deepdojo.places import cache_folder, config_folder, mirror_folder

    found = [
        _writable("runs", Path(os.environ.get("DEEPDOJO_RUNS") or Path.cwd()), "go elsewhere, or set DEEPDOJO_RUNS")
    ]
    found.append(_writable("cache", cache_folder(), "set DEEPDOJO_CACHE to a folder that can be written"))
    found.append(_packed())
    found.append(_writable("home", Path.home(), "set DEEPDOJO_CACHE and DEEPDOJO_CONFIG to keep things"))
    if not os.access(config_folder(), os.W_OK) and config_folder().exists():
        found.append(Finding("config", str(config_folder()), "warning", "cannot be written: set DEEPDOJO_CONFIG"))
    mirror = mirror_folder()
    if mirror is None:
        found.append(Finding("mirror", "none", "note", "set DEEPDOJO_DATA if you have a folder of data sets"))
    elif mirror.is_dir():
        found.append(Finding("mirror", f"{mirror} ({sum(p.is_dir() for p in mirror.iterdir())} data sets)"))
    else:
        found.append(Finding("mirror", f"{mirror} does not exist", "warning", "mend or unset DEEPDOJO_DATA"))
    return found


def _packed() -> Finding:
    from deepdojo.packs import most_bytes, packed_bytes, packed_folder

    used, most = packed_bytes() / 1e9, most_bytes() / 1e9
    value = f"{used:.1f} GB of at most {most:.0f} GB in {packed_folder()}"
    return Finding("packed data", value, "note" if used > 1 else "ok", "delete that folder to have the room back")


def _writable(name: str, folder: Path, todo: str) -> Finding:
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        with tempfile.NamedTemporaryFile(dir=place):
            pass
    except OSError:
        return Finding(name, f"{folder} cannot be written", "warning", todo)
    return Finding(name, str(folder))


def _network() -> list[Finding]:
    from deepdojo.places import offline

    if offline():
        return [Finding("network", "forbidden by DEEPDOJO_OFFLINE", "note", "unset it to download data")]
    return [Finding("network", "allowed, used only to download a project's data")]


def _terminal() -> list[Finding]:
    encoding = getattr(sys.stdout, "encoding", None) or "unknown"
    columns = shutil.get_terminal_size((80, 24)).columns
    value = f"{encoding}, {columns} columns" + ("" if sys.stdout.isatty() else ", not a terminal")
    try:
        "·…–─●◆".encode(encoding)
    except (LookupError, UnicodeEncodeError):
        return [Finding("terminal", value, "note", "some signs are replaced by plain ones; PYTHONUTF8=1 shows them")]
    return [Finding("terminal", value)]
