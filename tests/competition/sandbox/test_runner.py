"""Ordinary programs: what they get, what comes back, what a failed start says; and what dead servers left."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from deepdojo.competition.sandbox import Limits, Sandbox, SandboxError
from deepdojo.competition.sandbox.owner import mark, sweep
from deepdojo.competition.sandbox.seccomp import filter_program
from deepdojo.competition.sandbox.selftest import examine
from deepdojo.errors import UsageError

from .conftest import running

PYTHON = [sys.executable, "-I", "-B", "-c"]


def test_program_reads_its_inputs_and_its_output_comes_back(sandbox, tmp_path):
    (tmp_path / "rows.txt").write_text("one two")
    (tmp_path / "rows.txt").chmod(0o600)
    program = "print(open('/input/rows.txt').read()); open('/tmp/output/table', 'w').write(open('/more').read() * 3)"
    done = sandbox.run([*PYTHON, program], binds={"/input": tmp_path}, files={"/more": b"abc"}, output="table")
    assert (done.exit_code, done.stopped, done.ok) == (0, None, True)
    assert (done.stdout, done.output, done.output_fault) == (b"one two\n", b"abcabcabc", None)


def test_missing_output_and_exit_code_are_told_apart_from_a_stop(sandbox):
    done = sandbox.run([*PYTHON, "raise SystemExit(7)"])
    assert (done.exit_code, done.stopped, done.output, done.output_fault) == (7, None, None, "it is missing")


def test_program_that_ends_itself_by_a_signal_counts_as_killed(sandbox):
    done = sandbox.run([*PYTHON, "import os; os.kill(os.getpid(), 9)"])
    assert (done.exit_code, done.stopped) == (-9, "killed")


def test_only_the_last_bytes_of_what_it_prints_are_kept(sandbox):
    done = sandbox.run([*PYTHON, "import sys; sys.stderr.write('x' * 300_000 + 'end')"])
    assert len(done.stderr) == 64 << 10
    assert done.stderr.endswith(b"end")


def test_numpy_and_several_processes_work_inside(sandbox):
    program = (
        "import multiprocessing as m, numpy\n"
        "with m.get_context('fork').Pool(2) as pool: print(sum(pool.map(abs, numpy.arange(-5, 5))))"
    )
    done = sandbox.run([sys.executable, "-c", program])
    assert done.stdout == b"25\n", done.stderr


def test_several_run_at_a_time_as_different_users(sandbox):
    program = "import os, time; time.sleep(0.5); print(os.stat('/tmp').st_uid)"
    token = f"pair-{time.monotonic_ns()}"
    threads = [threading.Thread(target=sandbox.run, args=([*PYTHON, program, token],)) for _ in range(2)]
    for thread in threads:
        thread.start()
    owners: set[int] = set()
    while any(thread.is_alive() for thread in threads):
        owners |= {found for pid in running(token) if (found := owner(pid)) is not None}
        time.sleep(0.02)
    assert owners
    assert (len(owners) == 2 and 0 not in owners) if os.geteuid() == 0 else owners == {os.geteuid()}


def owner(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/status").read_text().split("Uid:\t")[1].split("\t")[0])
    except OSError:
        return None


def test_what_is_not_there_cannot_be_shown(sandbox, tmp_path):
    with pytest.raises(SandboxError, match="is not there, so the sandbox cannot show it"):
        sandbox.run(["/bin/true"], binds={"/input": tmp_path / "absent"})


def test_program_that_does_not_exist_says_so(sandbox):
    done = sandbox.run(["/usr/bin/no-such-program"])
    assert done.exit_code == 127
    assert b"cannot start /usr/bin/no-such-program" in done.stderr


def test_bubblewrap_that_refuses_is_the_hosts_fault_and_not_the_programs(sandbox):
    with pytest.raises(SandboxError, match=r"the sandbox does not start \(.*proc"):
        sandbox.run(["/bin/true"], files={"/proc/self/none/there": b""})


def test_missing_bubblewrap_is_one_sentence(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(sys, "platform", "linux")
    said = examine(Sandbox())
    assert said == ["bubblewrap is not installed; install it (apt install bubblewrap)"]
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "there is no sandbox on darwin" in examine(Sandbox())[0]


def test_interpreter_in_a_home_folder_is_refused_and_not_shown_whole(sandbox, monkeypatch):
    from deepdojo.competition.sandbox import mounts

    monkeypatch.setattr(mounts, "toolchain", mounts.toolchain.__wrapped__)
    monkeypatch.setattr(mounts.sys, "base_prefix", str(Path.home()))
    with pytest.raises(SandboxError, match=r"installed right in .*, which the sandbox would have to show whole"):
        mounts.toolchain()


def test_where_there_is_no_sandbox_everything_can_still_be_imported_and_says_why():
    """What Windows lacks is taken away."""
    source = (
        "import os, sys\n"
        "for name in ('fcntl', 'pwd', 'grp', 'resource'): sys.modules[name] = None\n"
        "for name in ('geteuid', 'memfd_create', 'pidfd_open', 'O_PATH', 'sysconf'): delattr(os, name)\n"
        "import deepdojo.competition.sandbox.code, deepdojo.competition.sandbox.metric\n"
        "from deepdojo.competition.sandbox import self_test\n"
        "sys.platform = 'win32'; print(self_test())"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True)
    assert "there is no sandbox on win32; host code competitions on Linux with bubblewrap" in done.stdout, done.stderr


def test_self_test_finds_this_machine_whole_and_a_missing_filter(sandbox):
    begun = time.monotonic()
    assert examine(Sandbox()) == []
    assert time.monotonic() - begun < 5  # about half a second on an idle machine
    assert "the seccomp filter is not in force" in examine(Sandbox(_filtered=False))


def test_limits_that_are_none_are_refused():
    with pytest.raises(UsageError, match="wall_s is 0, not above 0"):
        Limits(wall_s=0)


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_filter_is_a_whole_program_within_the_kernels_bounds(machine):
    code = filter_program(machine)
    steps = [code[i : i + 8] for i in range(0, len(code), 8)]
    assert len(code) % 8 == 0
    assert len(steps) < 4096
    for place, step in enumerate(steps):
        if step[0] & 0x07 == 0x05:  # a jump goes forward and stays inside
            assert place + 1 + max(step[2], step[3]) < len(steps)
    assert steps[-1][0] == 0x06  # a return
    with pytest.raises(SandboxError, match="no seccomp filter is known for riscv64"):
        filter_program("riscv64")


def test_sweep_ends_what_a_dead_server_left_and_nothing_of_a_living_one(sandbox, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    dead = subprocess.Popen(["sleep", "0"])
    dead.wait()
    names = [f"deepdojo-sandbox-{dead.pid}-1", mark()]
    left = [subprocess.Popen([name, "3600"], executable="/bin/sleep") for name in names]
    for name in names:
        (tmp_path / name).mkdir()
    try:
        wait_for(lambda: all(running(name) for name in names))
        assert sweep() >= 2
        assert left[0].wait(1) == -9
        assert left[1].poll() is None
        assert [path.name for path in tmp_path.iterdir()] == [mark()]
    finally:
        for process in left:
            process.kill()
            process.wait()


def test_killed_server_leaves_no_program_behind(sandbox):
    token = f"orphan-{time.monotonic_ns()}"
    source = (
        "import sys; from deepdojo.competition.sandbox import Sandbox;"
        f"Sandbox().run([sys.executable, '-I', '-c', 'import time; time.sleep(3600)', 'inside-{token}'])"
    )
    server = subprocess.Popen([sys.executable, "-c", source])
    try:
        # Bytes and not a list of texts: the server's own command line holds the token as well.
        wait_for(lambda: len(running(token)) > 1, 20)
    finally:
        server.kill()
        server.wait()
    wait_for(lambda: not running(token), 2)
    assert not running(token)


def wait_for(true, seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.02)


def test_runs_leave_no_descriptor_and_no_folder(sandbox, tmp_path):
    sandbox.run(["/bin/true"])
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        sandbox.run(["/bin/true"], binds={"/input": tmp_path})
    assert len(os.listdir("/proc/self/fd")) == before
    temporary = Path(os.environ.get("TMPDIR", "/tmp"))
    assert not list(temporary.glob(f"{mark()}*"))


@pytest.mark.slow
def test_server_killed_at_any_moment_of_a_start_leaves_nothing_that_runs(sandbox):
    """The moment matters: bubblewrap's inner process waits for its outer one, and for ever if that one has died."""
    generator = random.Random(0)
    token = f"early-{time.monotonic_ns()}"
    source = (
        "import sys; from deepdojo.competition.sandbox import Sandbox; print('up', flush=True)\n"
        f"while True: Sandbox().run([sys.executable, '-I', '-S', '-c', 'pass', '{token}'])"
    )
    for _ in range(12):
        server = subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE)
        assert server.stdout is not None
        with server.stdout as printed:
            printed.readline()
            time.sleep(0.25 * generator.random())
            server.kill()
            server.wait()
        of_server = f"deepdojo-sandbox-{server.pid}-"
        time.sleep(1)  # and no waiting for "nothing": what was just being started may have no name yet
        assert not running(token)
        assert not running(of_server)
