"""What a report is given of boxes: found, missed, too many; and the curve of each class."""

from __future__ import annotations

import numpy as np
import pytest

from deepdojo.report import boxes
from deepdojo.report.pictures import Pictures
from deepdojo.report.words import Words
from deepdojo.session.boxed import boxed, class_curves

A, B = ["a<b", 1.0, 10.0, 10.0, 110.0, 60.0], ["b", 1.0, 300.0, 200.0, 500.0, 400.0]
SAID = [["a<b", 0.9, 12.0, 10.0, 110.0, 60.0], ["b", 0.8, 0.0, 0.0, 9.0, 9.0], ["b", 0.1, *B[2:]]]
IMAGE = np.zeros((450, 900, 3), dtype=np.uint8)


def test_a_picture_tells_which_boxes_are_found_missed_and_too_many():
    found = boxed(IMAGE, [A, B], SAID)
    assert (found["truth"], found["predicted"]) == ("a<b, b", "a<b, b")
    assert [box[-1] for box in found["boxed"]["true"]] == [True, False]
    assert [box[-1] for box in found["boxed"]["said"]] == [True, False]  # what is hardly believed is not shown
    assert found["boxed"]["size"] == [450, 900]
    assert found["image"].startswith("data:image/jpeg;base64,")
    assert boxes.off(found["boxed"], Words("en")) == "1 missed, 1 too many"


def test_the_drawing_is_scaled_to_the_picture_that_is_kept_and_escaped():
    found = boxed(IMAGE, [A, B], SAID)
    picture = Pictures().add(found["image"], detailed=True)
    assert picture is not None
    assert picture.shape == (224, 448)
    drawn = str(boxes.draw(found["boxed"], picture, "row 1", Words("en")))
    assert (
        drawn.count('class="box found"') == drawn.count('class="box missed"') == drawn.count('class="box extra"') == 1
    )
    assert "a&lt;b" in drawn
    assert "a<b" not in drawn
    assert 'x="149.33"' in drawn  # 300 of 900 pixels, of 448
    assert "漏检" in str(boxes.draw(found["boxed"], picture, "row 1", Words("zh")))


def test_each_class_has_its_curve_and_odd_files_draw_nothing():
    (first, second) = class_curves([[A, B]], [SAID])
    assert (first["label"], first["objects"], first["ap50"]) == ("a<b", 1, pytest.approx(1.0))
    assert second["ap50"] == pytest.approx(0.5, abs=0.01)  # the box in the corner comes before the right one
    shown = boxes.curves([first, second, {"label": "odd"}], Words("en"))
    assert shown is not None
    assert [name for name, _, _, _ in shown["table"]] == ["a<b", "b"]
    assert boxes.curves([], Words("en")) is None
    assert boxes.wrong_boxes({"true": "x", "said": [[1]]}) == (0, 0)
