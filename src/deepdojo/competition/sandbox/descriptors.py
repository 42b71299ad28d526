"""File descriptors that one run opens: each is closed once, since its number soon belongs to another thread's file."""

from __future__ import annotations

import os

__all__ = ["Descriptors"]


class Descriptors:
    """Opens pipes and files in memory, and closes what is left open at the end of the `with`."""

    def __init__(self) -> None:
        self._open: set[int] = set()

    def __enter__(self) -> Descriptors:
        return self

    def __exit__(self, *exception: object) -> None:
        for each in list(self._open):
            self.close(each)

    def keep(self, descriptor: int) -> int:
        self._open.add(descriptor)
        return descriptor

    def close(self, descriptor: int) -> None:
        """Close one of ours; nothing happens the second time."""
        if descriptor in self._open:
            self._open.remove(descriptor)
            os.close(descriptor)

    def pipe(self) -> tuple[int, int]:
        read, write = os.pipe()
        return self.keep(read), self.keep(write)

    def memory_file(self, content: bytes) -> int:
        """A file that is nowhere on a disk, to be read from its start."""
        file = self.keep(os.memfd_create("deepdojo-sandbox"))
        view = memoryview(content)
        while view:
            view = view[os.write(file, view) :]
        os.lseek(file, 0, os.SEEK_SET)
        return file
