"""Encoded videos of every common kind -> uint8 frames with their times; whatever is wrong with one becomes one
sentence. Frames are known by their times, so a variable frame rate is nothing special.

Dimensions: T frames, Y height, X width.
"""

from __future__ import annotations

import io
import re
import warnings
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, BinaryIO

import numpy as np

from deepdojo.errors import DataError, UsageError

__all__ = ["ARRAY_RATE", "Clip", "check_video", "decode_video", "require_decoder", "video_size"]

MOST_KEPT = 4096
"""Frames kept of one video: of a longer one every second, fourth, ... frame."""
SMALL = 160
"""Pixels of the longer side that frames are brought to unless asked otherwise."""
ARRAY_RATE = 25.0
"""Frames a second of an array of frames, which says nothing of time."""


@dataclass(frozen=True)
class Clip:
    """Decoded frames.

    Attributes:
        frames: (T, Y, X) uint8 grey, or (T, Y, X, 3).
        times: (T,) seconds since the first frame, rising. seconds: how long the video is.
    """

    frames: np.ndarray
    times: np.ndarray
    seconds: float

    def at(self, seconds: np.ndarray) -> np.ndarray:
        """The frames that are seen at these times."""
        return self.frames[np.clip(np.searchsorted(self.times, seconds, side="right") - 1, 0, len(self.times) - 1)]


def require_decoder() -> None:
    """Raises UsageError where the package of the extra `video` is missing."""
    if find_spec("av") is None:
        raise UsageError("videos need PyAV, which is not installed", todo='pip install "deepdojo[video]"')


def decode_video(cell: Any, *, size: tuple[int, int] | int = SMALL, colour: bool = True) -> Clip:
    """A video as frames.

    Turned as its file says. Memory is bounded: at most 4,096 frames of the asked size are kept, of a longer video
    every second, fourth, ... one.

    Args:
        cell: an array of frames, bytes, or a `Media`.
        size: (Y, X), or what the longer side is brought to where it is longer.
        colour: else frames are grey.

    Raises:
        DataError: empty, no video, without frames, cut short. UsageError: no decoder is installed.
    """
    if isinstance(cell, np.ndarray):
        return _of_array(cell, size, colour)
    where = None
    if not isinstance(cell, bytes | bytearray | memoryview):
        where = cell.name.encode("utf-8", "backslashreplace").decode()
        cell = cell.read()
    try:
        with _opened(io.BytesIO(bytes(cell))) as container, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of each frame's form
            return _decoded(container, size, colour)
    except DataError as error:
        raise DataError(error.what, where=where) from None


def check_video(file: BinaryIO) -> None:
    """Raise a DataError where a file is empty or holds no video. Reads its head alone, never a frame."""
    _opened(file).close()


def video_size(cell: Any) -> tuple[int, int]:
    """(Y, X) as the head says, before any turn. Raises DataError."""
    if isinstance(cell, np.ndarray):
        return cell.shape[1], cell.shape[2]
    content = cell if isinstance(cell, bytes | bytearray | memoryview) else cell.read()
    with _opened(io.BytesIO(bytes(content))) as container:
        stream = container.streams.video[0]
        return stream.height, stream.width


def _opened(file: BinaryIO) -> Any:
    """A container with a video in it."""
    require_decoder()
    import av

    if not file.read(1):
        raise DataError("the video's file is empty")
    file.seek(0)
    try:
        container = av.open(file, metadata_errors="ignore")
    except Exception as error:  # decoders raise nearly anything on broken bytes; all of it means the same here
        raise DataError(f"this is no video, or a broken one ({_first_line(error)})") from None
    if not container.streams.video:
        other = len(container.streams) > 0
        container.close()
        raise DataError(
            "the file holds no video, only sound or text"
            if other
            else "this is no video, or a broken one (it breaks off)"
        )
    return container


def _decoded(container: Any, size: tuple[int, int] | int, colour: bool) -> Clip:
    from av.video.reformatter import VideoReformatter

    stream, resizer = container.streams.video[0], VideoReformatter()  # a frame's own would be planned anew each time
    rate = float(stream.average_rate or stream.guessed_rate or ARRAY_RATE)
    frames: list[np.ndarray] = []
    times: list[float] = []
    step, seen, end = 1, 0, 0.0
    try:
        for frame in container.decode(stream):
            now = float(frame.time) if frame.time is not None else seen / rate
            end = max(end, now + 1 / rate)
            if seen % step == 0:
                frames.append(_pixels(frame, resizer, size, colour))
                times.append(now)
            seen += 1
            if len(frames) > MOST_KEPT:
                frames, times, step = frames[::2], times[::2], 2 * step
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"the video breaks off after {seen} frames ({_first_line(error)})") from None
    if not frames:
        raise DataError("the video has no frame")
    if len({frame.shape for frame in frames}) > 1:
        raise DataError("the video changes its size on the way")
    order = np.argsort(times, kind="stable")
    first = times[order[0]]
    return Clip(np.stack([frames[i] for i in order]), np.array(times)[order] - first, end - first)


def _pixels(frame: Any, resizer: Any, size: tuple[int, int] | int, colour: bool) -> np.ndarray:
    turns = round(getattr(frame, "rotation", 0) / 90) % 4
    y, x = _target((frame.height, frame.width), size, turned=turns % 2 == 1)
    small = resizer.reformat(frame, width=x, height=y, format="rgb24" if colour else "gray", interpolation="AREA")
    pixels = small.to_ndarray()
    return np.ascontiguousarray(np.rot90(pixels, turns)) if turns else pixels


def _target(own: tuple[int, int], size: tuple[int, int] | int, *, turned: bool = False) -> tuple[int, int]:
    """(Y, X) that a frame is brought to before it is turned."""
    if not isinstance(size, int):
        return (size[1], size[0]) if turned else size
    shrink = min(1.0, size / max(own))
    return max(1, round(own[0] * shrink)), max(1, round(own[1] * shrink))


def _of_array(array: np.ndarray, size: tuple[int, int] | int, colour: bool) -> Clip:
    if array.dtype != np.uint8 or array.ndim not in (3, 4) or (array.ndim == 4 and array.shape[3] != 3):
        raise DataError(f"an array of frames is uint8 (T, Y, X) or (T, Y, X, 3), got {array.dtype} {array.shape}")
    if not array.size:
        raise DataError("the video has no frame")
    from PIL import Image

    y, x = _target(array.shape[1:3], size)
    frames = []
    for frame in array[:: -(-len(array) // MOST_KEPT)]:
        image = Image.fromarray(frame).convert("RGB" if colour else "L")
        frames.append(np.asarray(image if image.size == (x, y) else image.resize((x, y), Image.Resampling.BOX)))
    times = np.arange(len(frames)) * (len(array) / ARRAY_RATE / len(frames))
    return Clip(np.stack(frames), times, len(array) / ARRAY_RATE)


def _first_line(error: Exception) -> str:
    text = (str(error).splitlines() or [type(error).__name__])[0]
    return re.sub(r"^\[Errno -?\d+\] ", "", text).partition(": '")[0][:100] or type(error).__name__
