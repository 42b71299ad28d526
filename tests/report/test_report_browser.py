"""The pages in a real browser: nothing wider than the screen at 360 pixels, dark and light differ, print is pale."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import report_all

from deepdojo.report import write_report

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
