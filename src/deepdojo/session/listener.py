"""What a long piece of work tells whoever watches. The command line draws it; Python users see nothing unless they
ask."""

from __future__ import annotations

__all__ = ["Listener", "Part"]


class Listener:
    """Silent by default; the command line has one that draws."""

    def stage(self, name: str, detail: str = "") -> None:
        """A new part of the work begins."""

    def progress(self, done: int, total: int, text: str = "") -> None:
        """`done` of `total` units of the present part."""

    def say(self, sentence: str) -> None:
        """Something that the user should read: what was chosen, what was left out."""

    def finish(self) -> None:
        """All is done; a live line may be cleared."""


class Part(Listener):
    """Tells another listener of one training of several, each stage with its name before it."""

    def __init__(self, listener: Listener, name: str) -> None:
        self.listener, self.name = listener, name

    def stage(self, name: str, detail: str = "") -> None:
        self.listener.stage(name, f"{self.name} · {detail}" if detail else self.name)

    def progress(self, done: int, total: int, text: str = "") -> None:
        self.listener.progress(done, total, text)

    def say(self, sentence: str) -> None:
        self.listener.say(f"{self.name}: {sentence}")
