"""What examples.json keeps of rows that move: some poses of a skeleton, a strip of a video's frames."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import Any

import numpy as np

from deepdojo.data.skeletons import axes_of, bones_of, placed
from deepdojo.data.videos import decode_video
from deepdojo.errors import DataError

__all__ = ["poses_of", "strip_of"]

POSES = 8
FRAMES, COLUMNS, SIDE = 8, 4, 112


def poses_of(motions: Mapping[str, np.ndarray]) -> dict[str, dict[str, Any]]:
    """id -> poses of joints as they are seen from where most of a body shows, bones, and when each pose stands.

    Bones are found in the movements of all these rows together.
    """
    if not motions:
        return {}
    bodies = {key: placed(np.asarray(motion)) for key, motion in motions.items()}
    across, up = axes_of(bodies.values())
    bones = bones_of(bodies.values())
    at = (np.arange(POSES) + 0.5) / POSES
    found = {}
    for key, body in bodies.items():
        poses = body[(at * len(body)).astype(int)][:, :, [across, up]]
        found[key] = {
            "poses": [[[float(f"{value:.3g}") for value in joint] for joint in pose] for pose in poses],
            "bones": [list(bone) for bone in bones], "at": at.tolist(),
        }  # fmt: skip
    return found


def strip_of(cell: Any) -> dict[str, Any]:
    """Eight frames of a video in one picture, four a line; nothing where it cannot be read."""
    from PIL import Image

    try:
        clip = decode_video(cell, size=SIDE)
    except DataError:
        return {}
    at = (np.arange(FRAMES) + 0.5) / FRAMES
    frames = clip.at(at * clip.seconds)
    sheet = np.concatenate([np.concatenate(frames[k : k + COLUMNS], axis=1) for k in range(0, FRAMES, COLUMNS)])
    out = io.BytesIO()
    Image.fromarray(sheet).save(out, "JPEG", quality=75)
    address = "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode("ascii")
    return {"strip": {"image": address, "columns": COLUMNS, "at": at.tolist(), "size": list(sheet.shape[:2])}}
