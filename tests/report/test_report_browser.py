"""The pages in a real browser: nothing wider than the screen at 360 pixels, dark and light differ, print is pale."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import report_all

from deepdojo.report import look_page, write_report
from deepdojo.session.examples import data_uri

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(BROWSER is None, reason="needs Chromium"),
]


def chromium(profile: Path, *flags: str) -> str:
    command = [str(BROWSER), *FLAGS, f"--user-data-dir={profile}", *flags]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


# What reaches beyond the right edge and does not lie in something that scrolls by itself.
PROBE = """<script>addEventListener("load", function () {
  var wide = document.documentElement.clientWidth, out = [];
  document.querySelectorAll("body *").forEach(function (e) {
    var box = e.getBoundingClientRect();
    if (box.width && box.right > wide + 1 && !e.closest(".scroll, pre, svg")) out.push(e.tagName + "." + e.className);
  });
  document.title = "wide=" + document.documentElement.scrollWidth + " of " + wide + " " + out.slice(0, 5).join(" ");
})</script>"""


def framed(page: Path, wide: int) -> Path:
    """A page that shows the report in a frame of a telephone's width and writes down what sticks out."""
    probe = page.with_name(f"frame-{wide}.html")
    inner = page.read_text(encoding="utf-8").replace(
        "</body>",
        PROBE + "</body>",
    )
    (page.with_name("probe.html")).write_text(inner, encoding="utf-8")
    probe.write_text(
        f"<iframe id=f src='probe.html' style='width:{wide}px;height:900px;border:0'></iframe><script>"
        "document.getElementById('f').onload=function(){setTimeout(function(){document.body.append("
        "document.getElementById('f').contentDocument.title)},200)}</script>",
        encoding="utf-8",
    )
    return probe


@pytest.mark.parametrize("name", ["digits", "reviews", "passengers", "hostile", "bare"])
def test_nothing_sticks_out_of_a_telephone(tmp_path, name):
    page = write_report(report_all.RUNS[name](tmp_path / name))
    probe = framed(page, 360)
    out = chromium(
        tmp_path / "profile",
        "--allow-file-access-from-files",
        "--virtual-time-budget=3000",
        "--dump-dom",
        f"file://{probe}",
    )
    found = out.rpartition("</script>")[2].partition("</body>")[0].strip()
    assert found.startswith("wide=360 of 360"), found
    assert found == "wide=360 of 360", found


def test_dark_is_dark_and_light_is_light(tmp_path):
    from PIL import Image

    page = write_report(report_all.RUNS["tiny"](tmp_path / "tiny"))
    shades = []
    for scheme in (0, 1):
        shot = tmp_path / f"{scheme}.png"
        chromium(
            tmp_path / f"profile-{scheme}",
            "--window-size=800,600",
            f"--blink-settings=preferredColorScheme={scheme}",
            f"--screenshot={shot}",
            f"file://{page}",
        )
        with Image.open(shot) as image:
            shades.append(image.convert("L").getpixel((5, 5)))
    assert shades[0] < 60
    assert shades[1] > 230


@pytest.mark.parametrize("kind", ["image", "text", "record"])
def test_nothing_sticks_out_of_a_look_at_the_data(tmp_path, kind):
    """Long names, long words and many draws, as `deepdojo.session.look` gives them."""
    pixel = data_uri(np.zeros((8, 8, 3), np.uint8))
    long = "a_name_without_any_blank_" * 6
    encoded = [{"raw": long, "encoded": [0.5, 1.0]}] * 4
    found = {
        "project": "p", "title": long, "task": f"{kind}-classification", "recipe": "own", "model": "cnn", "seed": 0,
        "rows": {"train": 10_000, "validation": 1000}, "sample": 2000, "augmentation": [("train.flip", "true")],
        "batch": [{"name": kind, "shape": [128, 3, 32], "packed": "uint8", "given": "float32", "range": [-2, 0, 2]}],
        "images": [{"id": long, "label": long, "pictures": [pixel] * 6, "labels": [f"{long} 0.95"] * 5}],
        "texts": [{"id": "7", "label": "a", "more": 9, "windows": [400, 30],
                   "tokens": [{"text": long, "state": "unknown"}, {"text": "so", "state": "dropped"}]}],
        "words": {"lengths": {"least": 1, "median": 20, "p95": 90, "most": 4000}, "unknown": 0.1, "padding": 0.2,
                  "padding_unsorted": 0.4, "batch_size": 64, "longest": 400, "windows": {"most": 9, "several": 80}},
        "columns": [{"name": long, "entries": ["numbers"], "cells": encoded, "mean": 0.0, "sd": 1.0, "distinct": 9}],
        "classes": [{"name": long, "train": 9000, "validation": 900}, {"name": "b", "train": 1000, "validation": 100}],
    }  # fmt: skip
    empty = {"image": ("texts", "columns"), "text": ("images", "columns"), "record": ("images", "texts")}[kind]
    found |= {name: [] for name in empty} | ({} if kind == "text" else {"words": None})
    page = tmp_path / "look.html"
    page.write_text(look_page(found), encoding="utf-8")
    flags = ("--allow-file-access-from-files", "--virtual-time-budget=3000", "--dump-dom")
    out = chromium(tmp_path / "profile", *flags, f"file://{framed(page, 360)}")
    assert out.rpartition("</script>")[2].partition("</body>")[0].strip() == "wide=360 of 360"
