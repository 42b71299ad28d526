"""Attention over a picture: one drawing a word, dark where it did not look, nothing drawn of what is no map."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
from PIL import Image

from deepdojo.report.looks import strip
from deepdojo.report.pictures import Picture


def words(text, **values):
    return text.format(**values)


def shade(drawing):
    data = re.search(r"base64,([^\"]+)", str(drawing)).group(1)
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGBA"))[..., 3]


def test_it_is_light_where_the_weight_is_and_dark_elsewhere():
    weights = np.full((4, 6), 0.01)
    weights[1, 4] = 0.77
    (one,) = strip(Picture("picture-0", (120, 180)), [{"part": "dog", "weights": weights.tolist()}], words)
    opacity = shade(one["drawing"]).astype(int)
    assert one["part"] == "dog"
    assert opacity.shape[0] / opacity.shape[1] == 4 / 6
    y, x = np.unravel_index(opacity.argmin(), opacity.shape)
    assert (y * 4 // opacity.shape[0], x * 6 // opacity.shape[1]) == (1, 4)
    assert opacity.min() < 60 < 200 < opacity[-1, 0]
    assert 'href="#picture-0"' in str(one["drawing"])


def test_a_map_without_preference_is_evenly_dark():
    (one,) = strip(Picture("p", (10, 10)), [{"part": "a", "weights": [[0.25, 0.25], [0.25, 0.25]]}], words)
    assert len(np.unique(shade(one["drawing"]))) == 1


def test_what_is_no_map_is_left_out_and_words_are_escaped():
    bad = [None, {}, {"part": "x"}, {"part": "x", "weights": [1, 2]}, {"part": "x", "weights": [[1], [2, 3]]},
           {"part": "x", "weights": [[float("nan")]]}, {"part": "x", "weights": [[-1.0, 2.0]]}]  # fmt: skip
    assert strip(Picture("p", (10, 10)), bad, words) == []
    (one,) = strip(Picture("p", (10, 10)), [{"part": "<b>", "weights": [[0.2, 0.8]]}], words)
    assert "<b>" not in str(one["drawing"])
