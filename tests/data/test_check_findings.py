"""Findings of `dojo check` that are tests or sketches: each with a planted case, and silence on clean data.

Clean data are drawn with a seed, so a test that is silent stays silent. Where many clean sets are tried, the number of
alarms is held to what the stated level allows.
"""

from __future__ import annotations

import io
import math
import time
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from deepdojo.data.check import check
from deepdojo.data.checks.chance import hits_by_chance, holm, proportions, two_samples
from deepdojo.data.checks.look import Look
from deepdojo.data.checks.near_images import small
from deepdojo.data.checks.near_records import equal_up_to_rounding
from deepdojo.data.checks.near_texts import resemblance, shingles
from deepdojo.data.checks.readable import readable
from deepdojo.data.checks.shift import shift
from deepdojo.data.files import Media
from tests.data.made_dataset import MadeDataset, dataset

TABLE, TEXT, IMAGE = "tabular-classification", "text-classification", "image-classification"
STATISTICAL = ("shift", "order", "text length", "file names", "file sizes", "ids", "image dimensions")


def found(report, kind: str):
    return [problem for problem in report.problems if problem.kind == kind]


def one(report, kind: str):
    (problem,) = found(report, kind)
    return problem


def words(rng: np.random.Generator, n: int) -> list[str]:
    return ["".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz"), rng.integers(3, 9))) for _ in range(n)]


def texts(n: int = 200, seed: int = 0) -> list[dict]:
    rng = np.random.default_rng(seed)
    known = words(rng, 500)
    return [{"text": " ".join(rng.choice(known, 20)), "label": "ab"[int(rng.integers(2))]} for _ in range(n)]


def records(n: int = 300, seed: int = 0) -> list[dict]:
    rng = np.random.default_rng(seed)
    return [
        {"label": "ab"[int(rng.integers(2))], "features": {f"x{k}": repr(float(rng.normal())) for k in range(5)}}
        for _ in range(n)
    ]


def picture(rng: np.random.Generator, y: int = 24, x: int = 32) -> np.ndarray:
    coarse = rng.integers(0, 256, (6, 8)).astype(np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((x, y), Image.Resampling.BICUBIC))


def saved(pixels: np.ndarray, name: str, kind: str = "JPEG", **options) -> Media:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **options)
    return Media(name, out.getvalue)


def pictures(n: int = 100, seed: int = 0) -> list[dict]:
    rng = np.random.default_rng(seed)
    return [{"image": saved(picture(rng), f"{k}.jpg"), "label": "ab"[int(rng.integers(2))]} for k in range(n)]


# ----- clean data


@pytest.mark.parametrize(("task", "make"), [(TEXT, texts), (TABLE, records), (IMAGE, pictures)])
def test_clean_data_are_silent(task, make):
    assert check(dataset(task, make())).problems == []


def test_alarms_on_clean_data_are_as_rare_as_said():
    """80 clean tables, each with a shift check and a readable check at level 1e-3: two alarms or more have probability
    below 160² / 2 * 1e-6 = 1.3 %; the seeds are fixed."""
    alarms = 0
    for seed in range(80):
        made = dataset(TABLE, records(300, seed))
        look = Look(made, "features", "record", "label", "label", seed)
        alarms += len([*shift(look), *readable(look)])
    assert alarms <= 1


# ----- nearly equal inputs


def test_texts_with_a_word_changed_across_splits_and_within():
    rows = texts()
    changed = rows[0]["text"].split()
    changed[3] = "other"
    rows[190]["text"] = " ".join(changed)
    rows[5]["text"] = rows[4]["text"].upper() + " !"
    report = check(dataset(TEXT, rows))
    across = one(report, "near-duplicates across splits")
    assert (across.level, across.examples, across.false_alarm) == ("warning", ("r190", "r0"), 0.0)
    assert "1 held-out row of 40 (2.5%)" in across.what
    within = one(report, "near-duplicates")
    assert (within.level, set(within.examples)) == ("note", {"r4", "r5"})
    assert report.facts["near duplicates"] == {"within": 1, "across": 1}


def test_a_common_phrase_is_no_near_duplicate():
    rows = texts()
    for row in rows:
        row["text"] = "this review was written for the summer festival " + row["text"]
    assert check(dataset(TEXT, rows)).facts["near duplicates"] == {"within": 0, "across": 0}


def test_resemblance_is_that_of_sets():
    a, b = "the quick brown fox jumps", "the quick brown fox sleeps"
    runs = [{text[k : k + 5] for k in range(len(text) - 4)} for text in (a, b)]
    # a run of five signs with a blank at its end is kept; the hash of words alone would drop it
    assert resemblance(shingles(a), shingles(b)) == len(runs[0] & runs[1]) / len(runs[0] | runs[1])
    assert resemblance(shingles("short"), shingles("")) == 0.0


def test_pictures_saved_anew_are_found_and_others_are_not():
    rng = np.random.default_rng(1)
    rows = pictures()
    pixels = picture(rng)
    rows[3]["image"] = saved(pixels, "3.jpg", quality=95)
    rows[95]["image"] = saved(np.asarray(Image.fromarray(pixels).resize((64, 48))), "95.png", "PNG")
    rows[8]["image"] = saved(pixels // 2 + 60, "8.jpg", quality=60)
    report = check(dataset(IMAGE, rows))
    assert set(one(report, "near-duplicates across splits").examples) == {"r95", "r3", "r8"}
    assert set(one(report, "near-duplicates").examples) == {"r3", "r8"}


def test_things_of_one_shape_are_no_copies():
    """Noisy pictures of one shape correlate to more than 0.99 at 16 × 16; none is nearer to one than to the others."""
    rng = np.random.default_rng(0)
    shape = np.zeros((32, 32))
    shape[4:28, 10:22] = 200
    rows = [
        {"image": np.clip(shape + rng.normal(0, 20, (32, 32)), 0, 255).astype(np.uint8), "label": "ab"[k % 2]}
        for k in range(60)
    ]
    forms = np.stack([small(row["image"]) for row in rows])
    assert (forms @ forms.T).min() > 0.98
    assert (np.sort(forms @ forms.T, axis=1)[:, -2] > 0.99).all()
    assert check(dataset(IMAGE, rows)).facts["near duplicates"] == {"within": 0, "across": 0}


def test_areas_of_a_small_form_are_averages():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (32, 48)).astype(np.uint8)
    mean = pixels.reshape(16, 2, 16, 3).astype(float).mean((1, 3)).ravel()
    mean -= mean.mean()
    np.testing.assert_allclose(small(pixels), mean / np.linalg.norm(mean), atol=1e-5)
    assert small(np.full((9, 9), 7, np.uint8)) is None


def test_records_equal_up_to_rounding():
    rows = records()
    rows[280]["features"] = {name: f"{float(cell):.4f}" for name, cell in rows[11]["features"].items()}
    report = check(dataset(TABLE, rows))
    assert one(report, "near-duplicates across splits").examples == ("r280", "r11")
    assert found(report, "duplicates across splits") == []


@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [
        ({"x": "0.123456", "y": "123.4567"}, {"x": "0.1235", "y": "123.4567"}, False),  # eleven digits agree
        ({"x": "0.123456", "y": "123.45678"}, {"x": "0.1235", "y": "123.45678"}, True),
        ({"x": "0.123456", "y": "123.45678"}, {"x": "0.1236", "y": "123.45678"}, False),
        ({"x": "1.5", "y": "1234567890.25"}, {"x": "1.50", "y": "1234567890.25"}, True),
        ({"x": "3.4", "y": "1234567890.25"}, {"x": "3", "y": "1234567890.25"}, False),  # no digit left of the fraction
        ({"x": "0.04", "y": "1234567890.25"}, {"x": "0.0", "y": "1234567890.25"}, False),
        ({"x": "a", "y": "12345678901.25"}, {"x": "b", "y": "12345678901.25"}, False),
        ({"x": None, "y": "12345678901.25"}, {"x": "", "y": "12345678901.250"}, True),
        ({"x": "1e-3", "y": "12345678901.25"}, {"x": "0.001", "y": "12345678901.25"}, True),
    ],
)
def test_what_rounding_means(a, b, equal):
    assert equal_up_to_rounding(a, b) is equal
    assert equal_up_to_rounding(b, a) is equal


# ----- labels that can be read


def test_rows_sorted_by_label_and_rows_in_turns():
    for label in (lambda k: "ab"[k >= 100], lambda k: "ab"[k % 2]):
        rows = [row | {"label": label(k)} for k, row in enumerate(texts())]
        problem = one(check(dataset(TEXT, rows)), "order")
        assert (problem.level, problem.false_alarm, len(problem.examples)) == ("note", 1e-3, 2)
        assert "the label of the row before alone removes" in problem.what


def test_numbers_to_predict_that_drift():
    rng = np.random.default_rng(0)
    walk = np.cumsum(rng.normal(size=400))
    rows = [{"features": {"x": str(rng.normal())}, "value": float(value)} for value in walk]
    assert "split.order" in one(check(dataset("tabular-regression", rows)), "order").todo


def test_a_label_in_the_length_of_the_text():
    rng = np.random.default_rng(0)
    rows = [
        {"text": " ".join(words(rng, 30 if label == "a" else 10)), "label": label} for label in rng.choice([*"ab"], 200)
    ]
    problem = one(check(dataset(TEXT, rows)), "text length")
    assert (problem.level, problem.false_alarm) == ("warning", 1e-3)


def test_a_label_in_names_sizes_and_dimensions_of_files():
    rng = np.random.default_rng(0)
    rows = []
    for k in range(200):
        label = "ab"[int(rng.integers(2))]
        pixels = picture(rng, *((24, 32) if label == "a" else (24, 36)))
        kind, quality = ("JPEG", {"quality": 95}) if label == "a" else ("JPEG", {"quality": 20})
        name = f"all/{'scan' if label == 'a' else 'photo'}_{k:04}.jpg"
        rows.append({"image": saved(pixels, name, kind, **quality), "label": label})
    report = check(dataset(IMAGE, rows))
    for kind in ("file names", "file sizes", "image dimensions"):
        assert "removes" in one(report, kind).what or "remove" in one(report, kind).what
        assert one(report, kind).level == "warning"


def test_a_label_in_the_ids_is_told_where_ids_come_from_the_data():
    rows = [row | {"id": f"{row['label']}/{k}_7"} for k, row in enumerate(texts())]
    made = dataset(TEXT, rows)
    assert found(check(made), "ids") == []
    made.project.spec = SimpleNamespace(data=SimpleNamespace(id="id"), split=None)
    assert "the words in the id alone remove 100%" in one(check(made), "ids").what


# ----- shift


def test_a_column_that_differs_in_the_held_out_rows():
    rows = records(1000)
    for row in rows[800:]:
        row["features"]["x2"] = str(float(row["features"]["x2"]) + 1)
        row["features"]["city"] = "X"
    for k, row in enumerate(rows[:800]):
        row["features"]["city"] = "XYZ"[k % 3]
    problem = one(check(dataset(TABLE, rows)), "shift")
    assert (problem.level, problem.where, problem.false_alarm) == ("warning", "test split", 1e-3)
    assert "2 traits differ" in problem.what
    assert "column 'city' (0.67), column 'x2'" in problem.what


def test_a_shift_that_is_meant_is_a_note():
    rows = records(1000)
    for row in rows[800:]:
        row["features"]["x2"] = "9.5"
    made = dataset(TABLE, rows)
    split = SimpleNamespace(order="day", test=None)
    made.project.spec = SimpleNamespace(data=SimpleNamespace(id=None), split=split)
    assert one(check(made), "shift").level == "note"
    assert "split.order cuts by 'day'" in one(check(made), "shift").todo


def test_texts_and_pictures_of_another_kind():
    rows = texts(400)
    for row in rows[320:]:
        row["text"] = row["text"].upper().replace(" ", " 1 ")
    assert "share of capitals" in one(check(dataset(TEXT, rows)), "shift").what
    rng = np.random.default_rng(0)
    images = [{"image": picture(rng) // (1 if k < 280 else 3), "label": "ab"[k % 2]} for k in range(350)]
    assert "brightness" in one(check(dataset(IMAGE, images)), "shift").what


def test_rows_of_a_group_count_once():
    """40 groups of 20 equal rows on either side: by rows a shift beyond doubt, by groups none."""
    rng = np.random.default_rng(0)
    rows = [
        {"id": f"{k}-{j}", "label": "ab"[j % 2], "features": {"x": str(value)}}
        for k, value in enumerate(rng.normal(size=180))
        for j in range(20)
    ]
    parts = {"train": rows[:1200], "validation": rows[1200:2400], "test": rows[2400:]}
    group = np.repeat(np.arange(60), 20)
    assert found(check(MadeDataset(TABLE, parts)), "shift") != []
    assert found(check(MadeDataset(TABLE, parts, test_groups=group)), "shift") == []


# ----- the tests themselves, against scipy and permutations


def test_two_samples_as_scipy_has_it():
    from scipy import stats

    rng = np.random.default_rng(0)
    for move in (0.0, 0.1, 0.3):
        a, b = rng.normal(size=431), rng.normal(move, size=367)
        distance, p = two_samples(a, b)
        exact = stats.ks_2samp(a, b)
        assert distance == pytest.approx(exact.statistic)
        assert p == pytest.approx(exact.pvalue, rel=0.1)


def test_hits_by_chance_as_permutations_have_it():
    rng = np.random.default_rng(0)
    guess, label = rng.integers(0, 3, 50), rng.integers(0, 3, 50)
    hits, expected, p = hits_by_chance(guess, label)
    drawn = np.array([(guess == rng.permutation(label)).sum() for _ in range(20_000)])
    assert hits == (guess == label).sum()
    assert expected == pytest.approx(drawn.mean(), abs=4 * drawn.std() / math.sqrt(len(drawn)))
    assert p == pytest.approx((drawn >= hits).mean(), abs=0.02)
    assert hits_by_chance(np.zeros(9, int), rng.integers(0, 2, 9))[2] == 1.0


def test_proportions_keep_their_level():
    """2,000 pairs of samples from one distribution: at 5 % at most 5 % + 4 standard errors (3e-5) are rejected."""
    rng = np.random.default_rng(0)
    share = rng.dirichlet(np.ones(8))
    p = [proportions(*rng.multinomial(300, share, 2).astype(float))[1] for _ in range(2000)]
    assert np.mean(np.array(p) < 0.05) <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / 2000)
    assert proportions(np.array([90.0, 10]), np.array([10.0, 90]))[1] < 1e-12


def test_holm_steps_down():
    assert holm([0.01, 0.04, 0.03, 0.005], 0.05) == [True, False, False, True]
    assert holm([], 0.05) == []


# ----- time


def test_a_budget_that_is_over_still_sees_a_batch_and_progress_is_told():
    told: list[str] = []
    ticks = iter(range(10_000_000))
    report = check(
        dataset(TEXT, texts(3000)), budget_s=1, clock=lambda: float(next(ticks)),
        progress=lambda done, total, what: told.append(what),
    )  # fmt: skip
    assert report.seen == 64
    assert {"classes", "shift", "duplicates", "near duplicates"} <= set(told)


def test_the_short_check_keeps_its_time():
    rng = np.random.default_rng(0)
    rows = [{"image": picture(rng), "label": "ab"[k % 2]} for k in range(4000)] * 10
    rows = [row | {"id": str(k)} for k, row in enumerate(rows)]
    began = time.process_time()
    # loosely: the share of a busy machine that a process gets must not decide, the whole set takes minutes
    report = check(dataset(IMAGE, rows), budget_s=0.5)
    assert time.process_time() - began < 10
    assert report.seen >= 64
