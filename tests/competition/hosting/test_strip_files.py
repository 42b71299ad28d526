"""Files lose what they say beside pixels and samples, and nothing else."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from deepdojo.competition.hosting.strip_pictures import stripped_picture
from deepdojo.competition.hosting.strip_sounds import stripped_sound
from deepdojo.competition.hosting.strip_videos import stripped_video
from deepdojo.data.images import decode_image
from deepdojo.data.sounds import decode_sound, encode_sound
from deepdojo.errors import DataError

CANARY = b"canary-zq7"


def pixels(y: int = 37, x: int = 53) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (y, x, 3), dtype=np.uint8)


def saved(form: str, image: Image.Image | None = None, **options: object) -> bytes:
    out = io.BytesIO()
    (image or Image.fromarray(pixels())).save(out, form, **options)
    return out.getvalue()


def exif(orientation: int) -> Image.Exif:
    found = Image.Exif()
    found[0x0112], found[0x010F] = orientation, CANARY.decode()
    return found


XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a>' + CANARY + b"</a></x:xmpmeta>"


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_turned_picture_is_turned_as_before_and_says_nothing_else(form, orientation):
    data = saved(form, exif=exif(orientation))
    assert CANARY in data
    clean, ending = stripped_picture(data)
    assert CANARY not in clean
    assert np.array_equal(decode_image(clean), decode_image(data))
    assert ending == {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp" if orientation == 1 else ".png"}[form]


@pytest.mark.parametrize(
    "options", [{"progressive": True}, {"quality": 100, "subsampling": 0}, {"restart_marker_rows": 1}, {"xmp": XMP}]
)
def test_every_kind_of_jpeg_keeps_its_compressed_pixels(options):
    data = saved("JPEG", comment=CANARY, icc_profile=CANARY, **options)
    clean, _ = stripped_picture(data)
    assert CANARY not in clean
    assert len(clean) < len(data)
    assert np.array_equal(decode_image(clean), decode_image(data))


@pytest.mark.parametrize("mode", ["L", "CMYK", "RGB"])
def test_colours_of_a_jpeg_stay_what_the_adobe_segment_says(mode):
    data = saved("JPEG", Image.fromarray(pixels()).convert(mode))
    assert np.array_equal(decode_image(stripped_picture(data)[0]), decode_image(data))


def test_what_is_appended_behind_a_jpeg_goes():
    data = saved("JPEG")
    assert stripped_picture(data + CANARY + data)[0] == stripped_picture(data)[0]


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "I;16", "RGB"])
def test_text_time_and_profile_of_a_png_go_and_transparency_stays(mode):
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Author", CANARY.decode())
    texts.add_itxt("Comment", CANARY.decode())
    texts.add_text("zipped", CANARY.decode() * 9, zip=True)
    grey = np.random.default_rng(2).integers(0, 60_000, (9, 11), dtype=np.uint16)
    image = Image.fromarray(grey) if mode == "I;16" else Image.fromarray(pixels()).convert(mode)
    options = {"transparency": 3} if mode == "P" else {}
    data = saved("PNG", image, pnginfo=texts, dpi=(72, 72), icc_profile=CANARY, **options)
    chunk = b"tIME" + bytes(7)
    data = data[:33] + struct.pack(">I", 7) + chunk + struct.pack(">I", zlib.crc32(chunk)) + data[33:] + CANARY
    clean, _ = stripped_picture(data)
    assert not [name for name in (CANARY, b"tEXt", b"iTXt", b"zTXt", b"tIME", b"iCCP", b"pHYs") if name in clean]
    assert np.array_equal(decode_image(clean), decode_image(data))


@pytest.mark.parametrize("form", ["GIF", "BMP", "TIFF", "PPM"])
def test_other_kinds_become_png_with_the_same_pixels(form):
    data = saved(form)
    clean, ending = stripped_picture(data)
    assert ending == ".png"
    assert np.array_equal(decode_image(clean), decode_image(data))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_damaged_pictures_are_a_sentence_or_pixels_and_never_a_traceback(form):
    data = saved(form, exif=exif(6))
    draws = np.random.default_rng(4)
    for _ in range(150):
        broken = bytearray(data[: int(draws.integers(1, len(data)))])
        for at in draws.integers(0, len(broken), 3):
            broken[int(at)] = int(draws.integers(256))
        with contextlib.suppress(DataError):
            assert stripped_picture(bytes(broken))[0]


def wav(*, extra: bytes = b"") -> bytes:
    sound = encode_sound(np.sin(np.arange(801) / 9), 8000)
    tags = b"LIST" + struct.pack("<I", 4 + 8 + 10) + b"INFOIART" + struct.pack("<I", 10) + CANARY
    body = sound[8:36] + tags + sound[36:] + extra
    return b"RIFF" + struct.pack("<I", len(body)) + body


def test_a_wav_keeps_format_and_samples():
    data = wav(extra=b"id3 " + struct.pack("<I", 10) + CANARY)
    clean, ending = stripped_sound(data)
    assert (ending, CANARY in clean, CANARY in data) == (".wav", False, True)
    assert np.array_equal(decode_sound(clean).samples, decode_sound(data).samples)
    assert decode_sound(clean).rate == 8000


@pytest.mark.parametrize(("form", "subtype", "ending"), [
    ("FLAC", "PCM_16", ".flac"), ("OGG", "VORBIS", ".wav"), ("AIFF", "PCM_24", ".wav"), ("MP3", None, ".mp3"),
])  # fmt: skip
def test_other_sounds_lose_their_tags_and_keep_their_samples(form, subtype, ending):
    import soundfile

    out = io.BytesIO()
    values = np.sin(np.arange(9000) / 11) * 0.4
    with soundfile.SoundFile(out, "w", 16000, 1, subtype, format=form) as file:
        if form != "MP3":
            file.title, file.artist = CANARY.decode(), CANARY.decode()
        file.write(values)
    data = out.getvalue()
    if form == "MP3":
        tag = b"TIT2" + struct.pack(">IH", len(CANARY) + 1, 0) + b"\0" + CANARY
        data = b"ID3\x03\0\0" + bytes([0, 0, 0, len(tag)]) + tag + data + b"TAG" + CANARY.ljust(125, b"\0")
    assert CANARY in data
    clean, found = stripped_sound(data)
    assert (found, CANARY in clean) == (ending, False)
    assert np.array_equal(decode_sound(clean).samples, decode_sound(data).samples)


def test_a_video_loses_titles_and_times_and_keeps_frames_and_their_times():
    av = pytest.importorskip("av", reason="videos need the extra `video`")
    from deepdojo.data.videos import decode_video

    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        container.metadata.update({"title": CANARY.decode(), "creation_time": "2024-05-06T07:08:09"})
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for k in range(12):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 20 * k, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    data = out.getvalue()
    clean, ending, whole = stripped_video(data)
    assert (ending, whole, CANARY in data, CANARY in clean, len(clean)) == (".mp4", True, True, False, len(data))
    before, after = decode_video(data), decode_video(clean)
    assert np.array_equal(before.frames, after.frames)
    assert np.array_equal(before.times, after.times)
    at = clean.index(b"mvhd")
    assert data[at + 8 : at + 16] != bytes(8)
    assert clean[at + 8 : at + 16] == bytes(8)


def test_a_video_that_cannot_be_cleaned_is_told():
    assert stripped_video(b"\x1aE\xdf\xa3" + b"webm" + bytes(60))[1:] == (".webm", False)
