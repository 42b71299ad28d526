"""The 20 runs: 20 drawings to name in each, by the 20 drawings of one other person (Lake et al. 2015)."""

import io

import numpy as np
from PIL import Image

from deepdojo.data.readers import RawRow


def read(files, file, pattern=None, **_):
    """One row a drawing that is asked for: `file` (pixels), `label`, `gallery`."""
    names = sorted(name for name in files.expand(f"{file}!*/class_labels.txt"))
    for place in names:
        lines = files.bytes(place).decode("ascii").split("\n")
        pairs = [line.split() for line in lines if line.strip()]
        known = sorted({path for _, path in pairs})
        gallery = [[_name(path), _pixels(files, file, path)] for path in known]
        for number, (asked, path) in enumerate(pairs, 1):
            cells = {"file": _pixels(files, file, asked), "label": _name(path), "gallery": gallery}
            yield RawRow(cells, place, number)


def _name(path):
    return path.removesuffix(".png").replace("/training/", "/")


def _pixels(files, archive, path):
    """28 x 28 of 105 x 105, as the drawings to learn from were made small: every nearest pixel, black or white."""
    with Image.open(io.BytesIO(files.bytes(f"{archive}!{path}"))) as image:
        return np.asarray(image.convert("1").resize((28, 28)).convert("L"), dtype=np.uint8)
