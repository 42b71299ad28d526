"""Encoded sounds of every common kind -> samples; whatever is wrong with one becomes one sentence.

Dimensions: T samples.
"""

from __future__ import annotations

import io
import struct
import warnings
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from jaxtyping import Float

from deepdojo.data.resampling import resample
from deepdojo.errors import DataError

__all__ = ["MAX_SAMPLES", "SOUND_SUFFIXES", "Sound", "check_sound", "decode_sound", "encode_sound", "sound_facts"]

SOUND_SUFFIXES = ("wav", "flac", "ogg", "oga", "opus", "mp3", "aif", "aiff", "au")

MAX_SAMPLES = 200_000_000
"""Samples of all channels: 25 minutes of 44.1 kHz stereo have 132 million."""

_UNKNOWN_SIZE = 0x7FFF0000  # programs that write into a pipe cannot go back and fill in the size


@dataclass(frozen=True)
class Facts:
    """What the head of a file says.

    Attributes:
        rate: samples a second. samples: of one channel.
        form: `WAV PCM_16` and the like.
    """

    rate: int
    samples: int
    channels: int
    form: str

    @property
    def seconds(self) -> float:
        return self.samples / self.rate


@dataclass(frozen=True)
class Sound:
    """One channel of samples, full scale -1 to 1.

    Attributes:
        samples: (T,) float32. rate: samples a second.
    """

    samples: Float[np.ndarray, " T"]
    rate: int

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate

    def at(self, rate: int) -> Sound:
        """The same sound with another number of samples a second."""
        return self if rate == self.rate else Sound(resample(self.samples, self.rate, rate), rate)


def decode_sound(cell: Any, *, max_samples: int = MAX_SAMPLES) -> Sound:
    """A sound as samples: whole numbers of 8, 16, 24 and 32 bits by their full scale, channels averaged into one.

    Floats beyond full scale stay as they are. The kind is told by content, not by the file's name. Silence is a sound.

    Args:
        cell: the bytes of a file, a `Media`, or a `Sound`, which is decoded already.
        max_samples: a longer sound is refused by its head.

    Raises:
        DataError: empty, no sound, without samples, cut short, too long, or with samples that are no numbers.
    """
    if isinstance(cell, Sound):
        return cell
    where = None
    if not isinstance(cell, bytes | bytearray | memoryview):
        where = cell.name.encode("utf-8", "backslashreplace").decode()
        cell = cell.read()
    content = bytes(cell)
    plain = _plain_wav(content)
    if plain is not None and 0 < plain.size <= max_samples:
        whole = plain.whole()
        mean = whole[:, 0] if plain.channels == 1 else whole.mean(axis=1, dtype=np.float64).astype(np.float32)
        return Sound(np.ascontiguousarray(mean), plain.rate)
    with _open(io.BytesIO(content), where, max_samples) as file:
        told = file.frames
        _refuse_cut(content, where)
        try:
            values = file.read(dtype="float32", always_2d=True)
        except Exception as error:  # decoders raise what they like on broken bytes
            raise DataError(f"the sound is broken ({_first_line(error)})", where=where) from None
        if len(values) < told:
            raise DataError(f"the sound is cut short: {len(values):,} of {told:,} samples are there", where=where)
        rate = int(file.samplerate)
    samples = values[:, 0] if values.shape[1] == 1 else values.mean(axis=1, dtype=np.float64).astype(np.float32)
    if not np.isfinite(samples).all():
        raise DataError("the sound has samples that are no finite numbers", where=where)
    return Sound(np.ascontiguousarray(samples), rate)


def encode_sound(samples: Float[np.ndarray, " T"], rate: int, form: str = "WAV") -> bytes:
    """A file of one channel and 16 bits: the bytes of a cell of the kind `audio`. Beyond full scale is cut off.

    Args:
        form: "WAV", or "FLAC", which has the same samples in about half the bytes.

    Raises:
        DataError: no samples, or some that are no finite numbers.
    """
    values = np.asarray(samples, dtype=np.float64)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise DataError(f"a sound is (T,) finite samples, got {values.shape}")
    whole = np.clip(np.rint(values * 32768.0), -32768, 32767).astype("<i2")
    if form == "WAV":  # the same bytes on every machine, whatever the version of the library
        head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + 2 * len(whole), b"WAVE", b"fmt ", 16, 1, 1, rate,
                           2 * rate, 2, 16, b"data", 2 * len(whole))  # fmt: skip
        return head + whole.tobytes()
    out = io.BytesIO()
    _library().write(out, whole, rate, format=form, subtype="PCM_16")
    return out.getvalue()


def check_sound(file: BinaryIO) -> None:
    """Raise a DataError where a file is empty, no sound, cut short (WAV), without samples or too long. Decodes nothing.

    A compressed file that is cut short is found when it is decoded.
    """
    content = file.read()
    plain = _plain_wav(content)
    if plain is not None and 0 < plain.size <= MAX_SAMPLES:
        return
    _open(io.BytesIO(content), None, MAX_SAMPLES).close()
    _refuse_cut(content, None)


def sound_facts(cell: Any) -> Facts:
    """What the head of an encoded sound says, no sample decoded. Raises DataError."""
    content = cell if isinstance(cell, bytes | bytearray | memoryview) else cell.read()
    with _open(io.BytesIO(bytes(content)), None, MAX_SAMPLES) as file:
        return Facts(int(file.samplerate), int(file.frames), int(file.channels), f"{file.format} {file.subtype}")


@dataclass(frozen=True)
class _Plain:
    """A WAV file of whole numbers of 16 bits, all there: what most recordings are.

    Attributes:
        rate: samples a second. body: the bytes of the samples, channels side by side.
    """

    rate: int
    channels: int
    body: memoryview

    @property
    def size(self) -> int:
        return len(self.body) // 2

    def whole(self) -> Float[np.ndarray, "T C"]:
        """Samples by their full scale, float32: exact, as each is a whole number over a power of two."""
        return (np.frombuffer(self.body, dtype="<i2") * np.float32(2.0**-15)).reshape(-1, self.channels)


def _plain_wav(content: bytes) -> _Plain | None:
    """The samples of a plain WAV file; None for every other, and one with anything wrong, which the library looks at.

    A library call costs more than the samples of a spoken word: opening, callbacks for each read, closing.
    """
    if content[:4] != b"RIFF" or content[8:16] != b"WAVEfmt " or len(content) < 36:
        return None
    size, form, channels, rate, _, block, bits = struct.unpack_from("<IHHIIHH", content, 16)
    if (
        form != 1
        or bits != 16
        or channels < 1
        or block != 2 * channels
        or not 0 < rate < 1 << 31
        or size not in (16, 18)
    ):
        return None
    at = 20 + size
    while at + 8 <= len(content):
        name, size = content[at : at + 4], int.from_bytes(content[at + 4 : at + 8], "little")
        at += 8
        if name == b"data":
            return None if at + size > len(content) or size % block else _Plain(
                rate, channels, memoryview(content)[at : at + size]
            )  # fmt: skip
        at += size + size % 2
    return None


def _library() -> Any:
    try:
        import soundfile
    except (ImportError, OSError) as error:  # OSError: the wheel of this platform lacks the C library
        raise DataError(
            f"sounds are read by soundfile, which cannot be loaded ({_first_line(error)})",
            todo="pip install soundfile; on a rare platform install libsndfile too",
        ) from None
    return soundfile


def _open(file: BinaryIO, where: str | None, max_samples: int) -> Any:
    library = _library()
    head = file.read(4096)
    if not head:
        raise DataError("the sound's file is empty", where=where)
    file.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sound = library.SoundFile(file)
    except Exception as error:
        known = head[:4] in (b"RIFF", b"RIFX", b"RF64", b"fLaC", b"OggS", b"FORM", b".snd") or head[:3] == b"ID3"
        if known:
            raise DataError(f"the sound is broken ({_first_line(error)})", where=where) from None
        kind = "is a text file" if _is_text(head) else f"begins with {head[:8].hex(' ')}"
        raise DataError(f"this is no sound: it {kind}", where=where) from None
    if sound.frames * sound.channels > max_samples:
        seconds, frames = sound.frames / sound.samplerate, sound.frames
        sound.close()
        if frames > 1 << 60:  # a head that does not say
            raise DataError("the sound's length is not known", where=where, todo="save it anew as WAV or FLAC")
        raise DataError(f"the sound is {seconds / 60:,.0f} minutes long", where=where, todo="cut it into pieces first")
    if sound.frames < 1:
        sound.close()
        raise DataError("the sound has no samples", where=where)
    return sound


def _refuse_cut(content: bytes, where: str | None) -> None:
    """A WAV file says how many bytes of samples follow, and the library silently takes fewer."""
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        return
    at = 12
    while at + 8 <= len(content):
        name, size = content[at : at + 4], int.from_bytes(content[at + 4 : at + 8], "little")
        there = len(content) - at - 8
        if name == b"data":
            if there < size < _UNKNOWN_SIZE:
                raise DataError(f"the sound is cut short: {there:,} of {size:,} bytes are there", where=where)
            return
        at += 8 + size + size % 2


def _is_text(head: bytes) -> bool:
    try:
        return "\0" not in head[: len(head) - 4 or None].decode("utf-8")
    except UnicodeDecodeError:
        return False


def _first_line(error: Exception) -> str:
    said = (str(error).splitlines() or [type(error).__name__])[0]
    return said.rpartition(">: ")[2][:120] or type(error).__name__
