"""What tasks of sounds promise beside the rest: windows, means over pitches and tempos, pieces in the sound, CTC."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from deepdojo.baselines import run_floors
from deepdojo.baselines.sounds import numbers_of
from deepdojo.contracts import CONTRACTS
from deepdojo.data.check import check
from deepdojo.data.dataset import load_dataset
from deepdojo.data.new import create
from deepdojo.data.project import find_project
from deepdojo.data.sounds import encode_sound
from deepdojo.errors import DataError, RecipeError
from deepdojo.models import create_model
from deepdojo.scoring.metrics import METRICS
from deepdojo.session.example_sounds import shown_sound
from deepdojo.tasks import load_task
from deepdojo.tasks.base import mean_of
from deepdojo.training.predictor import predict_rows
from deepdojo.training.stream import examples_to_learn
from tests.baselines.floor_rows import hidden, made_rows

RATE = 8000


def _sound(seconds: float, hertz: float = 500.0, lead_s: float = 0.0) -> bytes:
    times = np.arange(int(seconds * RATE)) / RATE
    tone = 0.4 * np.sin(2 * np.pi * hertz * times) * np.hanning(len(times))
    return encode_sound(np.concatenate([np.zeros(int(lead_s * RATE)), tone]), RATE)


def _classifier(**options):
    return load_task("audio-classification").fit(made_rows("audio-classification", 24), **options)


def test_each_row_is_read_in_so_many_pitches_and_tempos_and_learned_from_once() -> None:
    task = _classifier(warps=3, speeds=5)
    row = made_rows("audio-classification", 1, seed=1)[0]
    assert len(list(task.encode(row, learn=False))) == 15
    assert len(list(task.encode(row, learn=True))) == 1
    first, plain = next(task.encode(row, learn=False)), next(_classifier().encode(row, learn=False))
    np.testing.assert_array_equal(first["sound"], plain["sound"])
    assert len(list(task.while_training.encode(row, learn=False))) == 1


@pytest.mark.parametrize("options", [{"warps": 2}, {"speeds": 0}, {"frames": 3}])
def test_options_that_mean_nothing_are_refused(options: dict) -> None:
    with pytest.raises(RecipeError, match="must be"):
        _classifier(**options)


def test_the_answer_is_the_mean_of_all_looks() -> None:
    task = _classifier(warps=3, speeds=3)
    torch.manual_seed(0)
    model = create_model("spectrogram_cnn", task.dims()).eval()
    row = hidden(made_rows("audio-classification", 1, seed=1), "audio-classification")[0]
    store = examples_to_learn(task, made_rows("audio-classification", 2))
    assert store.fixed["sound"].shape[1:] == (task.frames, task.spectrum.bands)
    with torch.no_grad():
        batches = [{"sound": torch.from_numpy(e["sound"])[None]} for e in task.encode(row, learn=False)]
        looks = [task.predict(model, batch)[0] for batch in batches]
    found = predict_rows(task, model, [row])[0]["probabilities"]
    np.testing.assert_allclose(list(found.values()), mean_of(looks), atol=1e-6)


def test_a_long_sound_is_cut_into_windows_that_reach_both_ends_and_a_short_one_stands_in_the_middle() -> None:
    task = _classifier(frames=20, trim_db=None)
    long = {"id": "1", "audio": _sound(1.0)}
    windows = [e["sound"] for e in task.encode(long, learn=False)]
    whole = task.spectrum.encode(long["audio"])
    np.testing.assert_array_equal(windows[0], whole[:20])
    np.testing.assert_array_equal(windows[-1], whole[-20:])
    assert len(windows) == -(-(len(whole) - 20) // 10) + 1
    (short,) = [e["sound"] for e in task.encode({"id": "2", "audio": _sound(0.1)}, learn=False)]
    assert (short[:4] == 0).all()
    assert (short[-4:] == 0).all()
    assert short.max() > 0


def test_pieces_lie_where_the_sound_is_and_not_in_the_silence_before_it() -> None:
    """Half a second of silence, then a tone: every box begins behind it, within the whole sound."""
    task = _classifier()
    row = {"id": "1", "audio": _sound(0.3, lead_s=0.5), "label": "a"}
    example = next(task.encode(row, learn=True))
    pieces, (height, width) = task.pieces(row, example), task.canvas(row, example)
    assert (height, width) == (40, task.spectrum.count_of(row["audio"]))
    boxes = np.array([piece.label for piece in pieces])
    assert boxes[:, 1].min() >= 48
    assert boxes[:, 3].max() <= width
    assert (boxes[:, 2] > boxes[:, 0]).all()
    assert (boxes[:, 3] > boxes[:, 1]).all()
    low = max(pieces, key=lambda p: example["sound"][p.where["sound"]].sum())
    assert low.label[0] >= 20


@pytest.mark.parametrize("name", ["audio-classification", "speech-recognition"])
def test_silence_is_answered_and_a_broken_sound_is_refused(name: str) -> None:
    task = load_task(name).fit(made_rows(name, 24))
    model = create_model("spectrogram_cnn" if name == "audio-classification" else "frame_cnn", task.dims()).eval()
    rows = [
        {"id": "silent", "audio": encode_sound(np.zeros(900), RATE)},
        {"id": "tick", "audio": encode_sound(np.ones(1), RATE)},
    ]
    assert [row["id"] for row in predict_rows(task, model, rows)] == ["silent", "tick"]
    with pytest.raises(DataError, match="cut short"):
        list(task.encode({"id": "x", "audio": _sound(1.0)[:3000]}, learn=False))


def test_words_and_characters_come_back_as_they_were() -> None:
    rows = made_rows("speech-recognition", 24)
    for units in ("words", "characters"):
        task = load_task("speech-recognition").fit(rows, units=units)
        for row in rows:
            ids = task.target(row)
            assert (ids > 0).all()
            assert task.decode(row, [ids.tolist()]) == {"text": row["text"]}
    assert len(task.target({"text": "a ?"})) < 3  # what was never seen cannot be asked for


@pytest.mark.parametrize(("option", "value"), [("decoding", "magic"), ("units", "syllables"), ("beams", 0)])
def test_transcription_refuses_options_that_mean_nothing(option: str, value: object) -> None:
    with pytest.raises(RecipeError):
        load_task("signal-transcription").fit(made_rows("signal-transcription", 24), **{option: value})


def test_every_decoding_writes_the_texts_of_sharp_frames() -> None:
    rows = made_rows("speech-recognition", 24)

    class Sharp(torch.nn.Module):
        """Says b, blank, b, blank, a whatever it hears."""

        def forward(self, x, keep):
            task_ids = torch.tensor([3, 0, 3, 0, 2])  # blank, then blank-sign, a, b, c in sorted order
            scores = torch.nn.functional.one_hot(task_ids, 5).float() * 30
            return scores.expand(len(x), -1, -1), torch.ones(len(x), 5, dtype=torch.bool)

    for decoding in ("greedy", "beam", "ngram"):
        task = load_task("speech-recognition").fit(rows, decoding=decoding, ngram_weight=0.1)
        assert task.symbols.known == (" ", "a", "b", "c")
        assert predict_rows(task, Sharp(), hidden(rows[:2], "speech-recognition"))[0]["text"] == "bba"


def test_texts_that_do_not_fit_into_the_frames_are_said_before_training() -> None:
    rows = [
        {**row, "text": "much too long for a third of a second " * 3} for row in made_rows("speech-recognition", 12)
    ]
    task = load_task("speech-recognition").fit(rows)
    model = create_model("frame_cnn", task.dims())
    store = examples_to_learn(task, rows)
    with pytest.raises(RecipeError, match="more symbols than the frames"):
        task.prime(model, (store.cut(index) for index in store.batches(4)))
    model.train()
    assert model.training


@pytest.mark.parametrize("name", ["speech-recognition", "signal-transcription"])
def test_the_floors_of_texts_answer_with_training_texts(name: str) -> None:
    train, test = made_rows(name, 60), made_rows(name, 30, seed=1)
    found = {r.name: r.predictions for r in run_floors(name, train, hidden(test, name))}
    truth = [row["text"] for row in test]
    rate = {key: METRICS["wer"](truth, [row["text"] for row in rows]).value() for key, rows in found.items()}
    constant, similar = (next(v for k, v in rate.items() if k.startswith(start)) for start in ("commonest", "similar"))
    assert similar < 0.2 < constant


def test_support_vectors_tell_made_sounds_apart() -> None:
    train, test = made_rows("audio-classification", 60), made_rows("audio-classification", 30, seed=1)
    (found,) = run_floors("audio-classification", train, hidden(test, "audio-classification"), floors=["cepstra"])
    assert np.mean([row["label"] == t["label"] for row, t in zip(found.predictions, test, strict=True)]) == 1.0
    assert not numbers_of(b"no sound").any()


def test_a_report_gets_a_sound_to_play_a_wave_and_a_spectrum() -> None:
    shown = shown_sound(_sound(0.5))
    assert shown["sound"].startswith("data:audio/flac;base64,")
    assert shown["image"].startswith("data:image/png;base64,")
    assert shown["seconds"] == 0.5
    assert np.abs(shown["wave"]).max() == 1.0
    silent = shown_sound(encode_sound(np.zeros(9), RATE))
    assert np.abs(silent["wave"]).max() == 0.0


def test_a_column_of_speakers_is_asked_for_where_the_split_is_drawn(tmp_path: Path) -> None:
    lines = []
    for k in range(60):
        (tmp_path / f"{k}.wav").write_bytes(_sound(0.1 + 0.001 * k, 300.0 + 20 * k))
        lines.append((f"{k}.wav", f"p{k % 12}", "ab"[k % 2]))
    with (tmp_path / "all.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file", "patient_id", "label"), *lines])
    create(tmp_path / "p", tmp_path / "all.csv")
    problems = check(load_dataset(find_project(tmp_path / "p"))).problems
    (warned,) = [p for p in problems if p.kind == "groups"]
    assert "patient_id" in warned.what
    assert CONTRACTS["audio-classification"].metric == "accuracy"
