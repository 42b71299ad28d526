"""A stranger's first ten minutes, typed at a real terminal: three lessons, then a real model with their own code in it.

    python benchmarks/first_ten_minutes.py docs/first-ten-minutes         # writes FOLDER/*.png and FOLDER.md
    python benchmarks/first_ten_minutes.py FOLDER --lang zh

Needs pyte (a terminal in memory), rich (its picture) and Chromium (as PNG); POSIX. The files that are saved are those
of a beginner: a stub, a mistake, the answer. Nothing is left out of the transcript but repeated screens.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import time
from contextlib import suppress
from pathlib import Path

import pyte
from PIL import Image
from rich.console import Console
from rich.style import Style
from rich.text import Text

from deepdojo.grader.lessons import find_lesson
from deepdojo.grader.loading import load_check, mutated

COLUMNS, ROWS = 100, 40
WAIT_S = 300.0
DOJO = Path(sys.executable).with_name("dojo")
LESSONS = (("a1-broadcast", None), ("a2-softmax", "sum_of_all"), ("a3-backward-linear", None))
WITH = "a2_softmax.py"

HEAD = """# A stranger's first ten minutes

`python benchmarks/first_ten_minutes.py docs/first-ten-minutes` types this at a real terminal and takes the pictures;
nothing in it is written by hand. The clock is that of one run on two CPU cores; the person who thinks and writes takes
the rest of the ten minutes. Before it: `pip install`, as the README says. The files that are saved are a beginner's: a
mistake, then the answer. What stood on the screen before is not repeated.

"""


class Terminal:
    """A shell's terminal: what is typed, what is seen, and pictures of it."""

    def __init__(self, folder: Path, shots: Path, lang: str) -> None:
        self.screen = pyte.HistoryScreen(COLUMNS, ROWS, history=5000)
        self._stream = pyte.ByteStream(self.screen)
        self.folder, self.shots = folder, shots
        self._kept: list[str] = []
        self._environment = {
            **os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONUTF8": "1",
            "LANG": "zh_CN.UTF-8" if lang == "zh" else "en_US.UTF-8", "NO_COLOR": "", "COLUMNS": str(COLUMNS),
            "PATH": f"{DOJO.parent}{os.pathsep}{os.environ['PATH']}",
        }  # fmt: skip
        self._environment.pop("NO_COLOR")
        self.begun = time.monotonic()
        self.script: list[str] = []

    def start(self, command: str) -> None:
        self.script.append(f"\n{self._clock()} `{command}`\n")
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.screen.reset()
        self._process = subprocess.Popen(
            command, shell=True, cwd=self.folder, stdin=theirs, stdout=theirs, stderr=theirs,
            env=self._environment, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)

    def _read(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._ours], [], [], seconds)
        if not ready:
            return True
        try:
            data = os.read(self._ours, 65536)
        except OSError:
            return False
        self._stream.feed(data)
        return bool(data)

    def until(self, pattern: str) -> float:
        """Seconds until the screen shows it."""
        begun = time.monotonic()
        while not re.search(pattern, "\n".join(self.screen.display)):
            if not self._read(0.05) or time.monotonic() - begun > WAIT_S:
                raise SystemExit(f"{pattern!r} did not come:\n" + "\n".join(self.screen.display))
        took = time.monotonic() - begun
        settle = time.monotonic() + 0.4
        while time.monotonic() < settle:
            self._read(0.05)
        return took

    def end(self) -> None:
        """Until the program is over."""
        while self._read(WAIT_S):
            pass
        self._process.wait()
        with suppress(OSError):
            os.close(self._ours)

    def type(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def save(self, name: str, text: str) -> None:
        temporary = self.folder / ".saving"
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(self.folder / name)

    def keep(self, name: str, said: str) -> None:
        """What is new on the screen into the transcript, the whole screen as a picture."""
        lines = "\n".join(line.rstrip() for line in self.screen.display).strip("\n").split("\n")
        new = "\n".join(lines[_overlap(self._kept, lines) :]).strip("\n")
        self._kept = lines
        self.script += [
            f"{self._clock()} {said}\n",
            f"```text\n{new}\n```\n",
            f"![{said}]({self.shots.name}/{name}.png)\n",
        ]
        self._picture(name)

    def _clock(self) -> str:
        seconds = int(time.monotonic() - self.begun)
        return f"**{seconds // 60}:{seconds % 60:02}**"

    def _picture(self, name: str) -> None:
        used = max((y for y, line in enumerate(self.screen.display) if line.strip()), default=0) + 1
        console = Console(record=True, width=COLUMNS, height=used, file=open(os.devnull, "w"), color_system="truecolor")  # noqa: SIM115
        for y in range(used):
            console.print(self._styled(y), no_wrap=True, overflow="crop")
        svg = self.shots / f"{name}.svg"
        svg.write_text(console.export_svg(title="dojo"), encoding="utf-8")
        _photograph(svg, self.shots / f"{name}.png")
        svg.unlink()

    def _styled(self, y: int) -> Text:
        text = Text()
        for x in range(COLUMNS):
            cell = self.screen.buffer[y][x]
            style = Style(
                color=_colour(cell.fg), bgcolor=_colour(cell.bg), bold=cell.bold, italic=cell.italics,
                reverse=cell.reverse,
            )  # fmt: skip
            text.append(cell.data, style)
        text.rstrip()
        return text


def _overlap(before: list[str], now: list[str]) -> int:
    """How many of the first lines of `now` are the last ones of `before`."""
    return next((n for n in range(min(len(before), len(now)), 0, -1) if before[-n:] == now[:n]), 0)


def _colour(name: str) -> str | None:
    if name == "default":
        return None
    return (
        f"#{name}"
        if re.fullmatch("[0-9a-f]{6}", name)
        else name.replace("bright", "bright_").replace("brown", "yellow")
    )


def _photograph(svg: Path, png: Path) -> None:
    size = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg.read_text(encoding="utf-8"))
    assert size is not None
    width, height = (int(float(s)) + 1 for s in size.groups())
    page = svg.with_suffix(".html")
    inside = svg.read_text(encoding="utf-8").replace("Fira Code", "DejaVu Sans Mono")
    page.write_text(f"<meta charset=utf-8><style>body{{margin:0}}</style>{inside}", encoding="utf-8")
    browser = shutil.which("chromium") or shutil.which("google-chrome") or "chromium"
    subprocess.run(
        [browser, "--headless", "--no-sandbox", "--hide-scrollbars", f"--window-size={width},{height}",
         f"--screenshot={png.resolve()}", page.resolve().as_uri()], check=True, capture_output=True,
    )  # fmt: skip
    page.unlink()
    with Image.open(png) as image:  # few colours: a fifth of the bytes
        few = image.convert("RGB").quantize(255, Image.Quantize.FASTOCTREE)
    few.save(png, optimize=True)


def lessons(terminal: Terminal, lang: str) -> None:
    terminal.start("dojo learn")
    for number, (name, mistake) in enumerate(LESSONS):
        lesson = find_lesson(name)
        terminal.until("q quit|q 退出")
        terminal.keep(f"{number + 1}-{name}-text", "the lesson's text; its file lies in the folder")
        check = load_check(lesson)
        wrong = next(m for m in check.mutants if m.edits and (mistake is None or m.name == mistake))
        file = f"{name.replace('-', '_')}.py"
        for kind, text, said in (
            ("mistake", mutated(lesson.solution, wrong), "a first try is saved"),
            ("pass", lesson.solution, "mended, saved"),
        ):
            terminal.save(file, text)
            took = terminal.until("✓ " if kind == "pass" else "✗ ")
            if kind == "pass":
                terminal.until("n next: |n 下一课：")
            terminal.keep(f"{number + 1}-{name}-{kind}", f"{said}: the verdict came {took:.2f} s later")
            if kind == "mistake" and number == 0:
                terminal.type("h")
                terminal.until("1/|Hint 1|提示")
                terminal.keep(f"{number + 1}-{name}-hint", "`h`: a hint")
        if number + 1 < len(LESSONS):
            terminal.screen.reset()
            terminal.type("n")
    terminal.type("q")
    terminal.end()


def commands(terminal: Terminal, project: str) -> None:
    for name, command, said in (
        ("4-list", "dojo learn list | head -20", "where one stands"),
        ("5-with", f"dojo train {project} --with {WITH}", "a real model with the learner's own layer in it"),
        ("6-board", f"dojo board {project}", "its row on the board"),
    ):
        terminal.start(command)
        terminal.end()
        terminal.keep(name, said)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lang", default="en", choices=("en", "zh"))
    parser.add_argument("--project", default="digits")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        terminal = Terminal(Path(name), given.folder, given.lang)
        terminal.start("dojo")
        terminal.end()
        terminal.keep("0-dojo", "`dojo` alone says what one can do")
        lessons(terminal, given.lang)
        commands(terminal, given.project)
    given.folder.with_suffix(".md").write_text(HEAD + "\n".join(terminal.script), encoding="utf-8")


if __name__ == "__main__":
    main()
