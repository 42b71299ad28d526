"""What runs in a learner's process: load the file, answer the questions, send what came out. It holds no answers."""

from __future__ import annotations

import ctypes
import inspect
import linecache
import math
import os
import sys
import threading
import time
import traceback
import types
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from deepdojo.grader.forbidden import Watch, line_in
from deepdojo.grader.observe import RUNS, call, observe
from deepdojo.grader.optimizers import light_optimizers
from deepdojo.grader.protocol import HEADER, frame, pack, unpack

__all__ = ["answer"]

_MODULE = "your_code"


def answer(job: dict[str, Any], reply: int) -> None:
    """Sends one frame a step over the descriptor `reply`: loaded, each case, speed, done."""
    line = _Line(reply)
    filename = str(job["file"])
    threading.Thread(target=_watch_clock, args=(job["wall_s"], filename, line), daemon=True).start()
    warnings.resetwarnings()  # whoever grades may have turned warnings into errors: no learner's fault
    warnings.simplefilter("default")
    with light_optimizers():
        learner = _Learner(job, filename)
        problem = learner.load()
        if problem is not None:
            line.send(problem)
        else:
            _answer_cases(job, learner, line)
    line.send({"kind": "done"})


class _Line:
    """The way back. The clock's thread writes there, too."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self._lock = descriptor, threading.Lock()

    def send(self, value: dict[str, Any]) -> None:
        with self._lock:
            data = memoryview(frame(pack(value)))
            while data:
                data = data[os.write(self._descriptor, data) :]


class _Learner:
    def __init__(self, job: dict[str, Any], filename: str) -> None:
        self._job, self._filename = job, filename
        self.watch = Watch(job["forbidden"], filename)
        self.function: Any = None

    def load(self) -> dict[str, Any] | None:
        """None, or what went wrong while the file was run."""
        source, filename = self._job["source"], self._filename
        module = types.ModuleType(_MODULE)
        module.__file__ = filename
        sys.modules[_MODULE] = module
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
        if self._job["folder"]:
            sys.path.append(self._job["folder"])  # at the end: a file named random.py must hide nothing
        try:
            code = compile(source, filename, "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            return {"kind": "syntax", "message": getattr(error, "msg", str(error)), "line": getattr(error, "lineno", 0)}
        try:
            exec(code, module.__dict__)
        except BaseException as error:
            return {"kind": "import", **self.fault(error)}
        found = [getattr(module, name, None) for name in self._job["names"]]
        for name, each in zip(self._job["names"], found, strict=True):
            if not callable(each):
                have = [k for k, v in vars(module).items() if callable(v) and not k.startswith("_")]
                return {"kind": "missing", "name": name, "have": have}
        self.function = self._drive(found)
        return None

    def _drive(self, found: list[Any]) -> Any:
        text = self._job["driver"]
        if text is None:
            return found[0]
        space: dict[str, Any] = {"torch": torch, "math": math}
        exec(compile(text, "<lesson>", "exec"), space)
        drive = next(v for v in space.values() if isinstance(v, types.FunctionType))
        return lambda *arguments: drive(*found, *arguments)

    def refuses(self, arguments: dict[str, Any]) -> str | None:
        """The learner's parameters, where the call does not fit them."""
        if self._job["driver"] is not None:
            return None
        with suppress(ValueError):  # some callables have no signature
            signature = inspect.signature(self.function)
            try:
                signature.bind(*arguments.values())
            except TypeError:
                return str(signature)
        return None

    def fault(self, error: BaseException) -> dict[str, Any]:
        line = None
        trace = error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == self._filename:
                line = trace.tb_lineno
            trace = trace.tb_next
        with suppress(Exception):
            text = "".join(traceback.format_exception(error, limit=-12))
            return {"type": type(error).__name__, "message": str(error)[:400], "line": line, "trace": text[-4000:]}
        return {"type": type(error).__name__, "message": "", "line": line, "trace": ""}


def _answer_cases(job: dict[str, Any], learner: _Learner, line: _Line) -> None:
    for i, question in enumerate(job["cases"]):
        if i == job["speed_after"]:
            _time(job, learner, line)
        line.send({"kind": "begin", "case": i})
        signature = learner.refuses(question["arguments"])
        if signature is not None:
            line.send({"kind": "signature", "got": signature, "wanted": list(question["arguments"])})
            return
        record = observe(
            learner.function, question, runs=tuple(question.get("runs", RUNS)), guard=lambda: learner.watch,
            fault=learner.fault, catch=BaseException,
        )  # fmt: skip
        line.send({"kind": "case", "case": i, "record": record, "forbidden": learner.watch.found})
    if job["speed_after"] >= len(job["cases"]):
        _time(job, learner, line)


class _Cut(BaseException):
    """Raised in the learner's code when its time is up; the cases after it are answered all the same."""


def _time(job: dict[str, Any], learner: _Learner, line: _Line) -> None:
    """The best of up to three runs, in CPU seconds: other programs' work must not fail a learner."""
    if job["speed"] is None:
        return
    line.send({"kind": "begin", "case": None})
    timer = _Timer(job["speed"]["cut_s"], line)
    try:
        seconds = timer.best(lambda: call(learner.function, job["speed"]["arguments"], lambda: learner.watch))
        line.send({"kind": "speed", "seconds": seconds})
    except _Cut:
        line.send({"kind": "speed", "seconds": None})
    except BaseException as error:
        line.send({"kind": "speed", "seconds": None, "fault": learner.fault(error)})


class _Timer:
    """Runs something up to three times, and raises _Cut in it when `cut_s` CPU seconds are over."""

    def __init__(self, cut_s: float, line: _Line) -> None:
        self._cut_s, self._line = cut_s, line
        self._over, self._fired, self._lock = threading.Event(), False, threading.Lock()
        self._begun = time.process_time()

    def best(self, run: Any) -> float:
        threading.Thread(target=self._watch, daemon=True).start()
        best = float("inf")
        try:
            for _ in range(3):
                start = time.process_time()
                run()
                best = min(best, time.process_time() - start)
                if time.process_time() - self._begun > self._cut_s / 4:
                    break
        finally:
            with self._lock:
                self._over.set()
            if self._fired and not isinstance(sys.exc_info()[1], _Cut):
                time.sleep(0.2)  # it is on its way, and shall not arrive in a later case
        if self._fired:  # code may catch it, and be slow all the same
            raise _Cut
        return best

    def _watch(self) -> None:
        while not self._over.wait(0.005):
            if time.process_time() - self._begun > self._cut_s:
                break
        for _ in range(20):  # code may catch everything once
            with self._lock:
                if self._over.is_set():
                    return
                self._fired = True
                main = ctypes.c_ulong(threading.main_thread().ident or 0)
                ctypes.pythonapi.PyThreadState_SetAsyncExc(main, ctypes.py_object(_Cut))
            self._over.wait(0.05)
        if not self._over.is_set():
            self._line.send({"kind": "speed", "seconds": None})
            self._line.send({"kind": "done"})
            os._exit(0)


def _watch_clock(wall_s: float, filename: str, line: _Line) -> None:
    """When time is up, say where the learner's code is; the grader would end the process without that."""
    main = threading.main_thread().ident
    time.sleep(wall_s)
    current = sys._current_frames().get(main or 0)
    with suppress(Exception):
        line.send({"kind": "stopped", "line": line_in(filename, current)})
    os._exit(0)


def warm_up() -> None:
    """What torch, numpy and safetensors do on first use: done once in the nursery, not in each of its children."""
    x = torch.ones(2, 3, dtype=torch.float64)
    question = {
        "arguments": {"x": x},
        "grads": ["x"],
        "cotangents": {"": x},
        "float32": True,
        "layout": True,
        "seed": 0,
    }
    with light_optimizers():
        record = observe(lambda x: torch.nn.functional.softmax(x @ x.mT @ x, -1), question, guard=lambda: Watch((), ""))
        unpack(pack({"record": record, "bytes": b""}))
        with suppress(ZeroDivisionError):
            _Learner({"forbidden": (), "source": "1 / 0", "folder": ""}, "warm-up").load()
    sys.modules.pop(_MODULE, None)


def serve_once() -> None:
    """A spare process: one job from stdin, the reply to what was stdout; then it ends."""
    from deepdojo.grader.limits import confine, enter_scratch

    torch.set_num_threads(1)
    warm_up()
    reply = os.dup(1)
    os.dup2(2, 1)
    with os.fdopen(os.dup(0), "rb") as jobs:
        head = jobs.read(HEADER.size)
        if len(head) < HEADER.size:
            return  # nobody needed it
        job = unpack(jobs.read(HEADER.unpack(head)[0]))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    enter_scratch(Path(job["scratch"]))
    confine(job["wall_s"], job["memory_bytes"])
    answer(job, reply)
    sys.stdout.flush()
    os._exit(0)


def serve_file(job: Path, reply: Path) -> None:
    """In a sandbox, which has limits of its own: one job from a file, the reply into another; then it ends."""
    torch.set_num_threads(1)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # what a stopped one printed is not lost
    content = unpack(job.read_bytes())
    answer(content, os.open(reply, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    serve_file(*map(Path, sys.argv[1:])) if sys.argv[1:] else serve_once()
