"""Pictures of every kind that people have, and the sentence for each that is none."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from deepdojo.data.files import Files, Media, decode_image
from deepdojo.errors import DataError


def encoded(image, kind="PNG", **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def ramp(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (5, 7, 3), (200, 300, 3)])
def test_grey_and_colour_come_back_as_they_are(shape):
    pixels = ramp(shape)
    got = decode_image(encoded(Image.fromarray(pixels)))
    assert got.dtype == np.uint8
    assert np.array_equal(got, pixels)


def test_a_large_photograph_works():
    assert decode_image(encoded(Image.new("RGB", (3000, 2000), (9, 8, 7)), "JPEG")).shape == (2000, 3000, 3)


def test_a_png_named_jpg_is_told_by_its_content(tmp_path):
    (tmp_path / "x.jpg").write_bytes(encoded(Image.fromarray(ramp((4, 3)))))
    assert decode_image(Files([tmp_path]).media("x.jpg")).shape == (4, 3)
    assert decode_image(Media.of(tmp_path / "x.jpg")).shape == (4, 3)


def test_cmyk_becomes_rgb():
    got = decode_image(encoded(Image.new("CMYK", (4, 3), (0, 255, 255, 0)), "JPEG", quality=100))
    assert got.shape == (3, 4, 3)
    assert got[..., 0].min() > 240
    assert got[..., 1:].max() < 15


def test_sixteen_bit_grey_is_scaled_not_clipped():
    values = np.array([[0, 257, 32896, 65535]], dtype=np.uint16)
    assert decode_image(encoded(Image.fromarray(values))).tolist() == [[0, 1, 128, 255]]


def test_transparency_lies_over_white():
    assert decode_image(encoded(Image.new("RGBA", (2, 2), (255, 0, 0, 0)))).tolist() == [[[255] * 3] * 2] * 2
    half = decode_image(encoded(Image.new("LA", (2, 2), (0, 128))))
    assert half.shape == (2, 2)
    assert abs(int(half[0, 0]) - 127) <= 1
    palette = Image.new("P", (2, 1), 0)
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.putpixel((1, 0), 1)
    assert decode_image(encoded(palette)).tolist() == [[[10, 20, 30], [40, 50, 60]]]
    assert decode_image(encoded(palette, transparency=0)).tolist() == [[[255, 255, 255], [40, 50, 60]]]


def test_exif_turns_the_picture():
    image = Image.fromarray(ramp((4, 6, 3)))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it rotated by 270 degrees
    got = decode_image(encoded(image, "PNG", exif=exif))
    assert np.array_equal(got, np.asarray(image.transpose(Image.Transpose.ROTATE_270)))


def test_one_bit_and_the_first_frame_of_an_animation():
    assert decode_image(encoded(Image.new("1", (3, 2), 1))).tolist() == [[255] * 3] * 2
    frames = [Image.new("L", (2, 2), value) for value in (0, 255)]
    assert decode_image(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])).max() == 0


def bomb(side):
    """A PNG whose header says side x side; nobody ever decodes its pixels."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


def test_a_huge_picture_is_refused_with_its_size():
    before = Image.MAX_IMAGE_PIXELS
    with pytest.raises(DataError, match="20000 x 20000 pixels, more than 100 million"):
        decode_image(bomb(20_000))
    with pytest.raises(DataError, match="9600 x 9600 pixels"):  # Pillow itself would warn here
        decode_image(bomb(9_600), max_pixels=90_000_000)
    assert before == Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "file is empty"),
        (b"just some text\n" * 20, "it is a text file"),
        ("好的".encode() * 3000, "it is a text file"),
        (bytes(range(256)) * 4, "begins with 00 01 02"),
        (encoded(Image.fromarray(ramp((200, 200, 3))), "JPEG")[:4000], "broken"),
        (encoded(Image.fromarray(ramp((200, 200, 3))), "PNG")[:4000], "broken"),
        (bomb(50), "broken"),
        (b"\x89PNG\r\n\x1a\n", "picture"),
    ],
)
def test_what_is_no_picture_is_one_sentence(tmp_path, data, sentence):
    (tmp_path / "bad 图.png").write_bytes(data)
    with pytest.raises(DataError, match=sentence) as caught:
        decode_image(Files([tmp_path]).media("bad 图.png"))
    assert caught.value.where == "bad 图.png"
    assert "\n" not in str(caught.value)


def test_arrays_pass_and_wrong_ones_do_not():
    pixels = ramp((3, 4))
    assert decode_image(pixels) is pixels
    for wrong in (pixels.astype(float), ramp((3, 4, 2)), np.zeros((0, 4), np.uint8)):
        with pytest.raises(DataError, match="an array of pixels"):
            decode_image(wrong)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP"])
def test_damaged_bytes_never_do_anything_but_raise_a_data_error(kind):
    data = encoded(Image.fromarray(ramp((40, 40, 3))), kind)
    rng = np.random.default_rng(1)
    outcomes = set()
    for _ in range(60):
        damaged = bytearray(data[: rng.integers(1, len(data) + 1)])
        for _ in range(8):
            damaged[rng.integers(len(damaged))] = rng.integers(256)
        try:
            outcomes.add(decode_image(bytes(damaged)).dtype)
        except DataError as error:
            outcomes.add(type(error))
    assert outcomes <= {np.dtype(np.uint8), DataError}
    assert DataError in outcomes
