"""Speech synthesis beyond what every task promises: what is refused, long texts, timing, the vocoder."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from deepdojo.data.codecs.pace import Pace
from deepdojo.data.sounds import decode_sound, encode_sound
from deepdojo.errors import DataError, RecipeError
from deepdojo.layers.loss_spectral import spectral_loss
from deepdojo.layers.shapes import ShapeError
from deepdojo.models import create_model
from deepdojo.tasks.speech_synthesis import SpeechSynthesis
from deepdojo.training.predictor import predict_rows
from deepdojo.training.stream import examples_to_learn
from tests.baselines.floor_rows import made_rows

ROWS = made_rows("speech-synthesis", 12)
SMALL = {"width": 8, "text_blocks": 1, "frame_blocks": 1}


@pytest.fixture(scope="module")
def task() -> SpeechSynthesis:
    return SpeechSynthesis.fit(ROWS, max_tokens=60, iterations=2)


def model(task: SpeechSynthesis, **arguments: object) -> torch.nn.Module:
    torch.manual_seed(0)
    return create_model("fastspeech", task.dims(), **SMALL, **arguments).eval()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "has no words"),
        (" \n ", "has no words"),
        ("... !?", "has no words"),
        ("日本", "none of the text's letters"),
    ],
)
def test_a_text_that_cannot_be_said_is_refused(task, text, sentence):
    with pytest.raises(DataError, match=sentence):
        list(task.encode({"id": "1", "text": text}, learn=False))


def test_an_unknown_sign_among_known_ones_is_said_as_the_unknown_one(task):
    (example,) = task.encode({"id": "1", "text": "the ☃ film"}, learn=False)
    assert example["tokens"].tolist().count(1) == 1


@pytest.mark.parametrize(
    "cell", [b"", b"no sound", encode_sound(np.ones(99), 8000)[:100], encode_sound(np.ones(9), 8000)[:44]]
)
def test_a_sound_that_is_none_is_refused_where_it_is_learned_from(task, cell):
    with pytest.raises(DataError, match="sound"):
        list(task.encode({"id": "1", "text": "film", "audio": cell}, learn=True))


def test_a_long_text_is_said_part_by_part_and_not_learned_from(task):
    text = "the plot of a film " * 9
    parts = list(task.encode({"id": "1", "text": text}, learn=False))
    assert len(parts) == 3
    assert max(len(part["tokens"]) for part in parts) <= 60
    assert list(task.encode({**ROWS[0], "text": text}, learn=True)) == []
    (row,) = predict_rows(task, model(task), [{"id": "1", "text": text}])
    hop = task.frames.hop
    assert len(decode_sound(row["audio"]).samples) == sum((len(part["frames"]) - 1) * hop for part in parts)
    endless = list(task.encode({"id": "1", "text": "film" * 40}, learn=False))
    assert sum(len(part["tokens"]) for part in endless) == 160


def test_no_training_sound_that_can_be_read_is_a_sentence():
    with pytest.raises(DataError, match="none of the training sounds can be read"):
        SpeechSynthesis.fit([{**row, "audio": b"x"} for row in ROWS])
    with pytest.raises(RecipeError, match="nothing could be said"):
        SpeechSynthesis.fit(ROWS, iterations=0)


def test_timing_names_each_sign_and_sums_to_the_sound(task):
    net, row = model(task), {"id": "1", "text": "The film"}
    (example,) = task.encode(row, learn=False)
    batch = {"tokens": torch.tensor(example["tokens"])[None], "frames": torch.tensor(example["frames"])[None]}
    batch |= {f"{name}_keep": torch.ones_like(cells, dtype=torch.bool) for name, cells in list(batch.items())}
    with torch.no_grad():
        parts = task.predict(net, batch)
    timing = task.timing(row, parts)
    assert "".join(sign for sign, _ in timing) == "the film"
    assert sum(seconds for _, seconds in timing) == pytest.approx(len(example["frames"]) * task.frames.hop / 8000)


def test_predicted_lengths_come_from_the_text_alone(task):
    longer = [{**row, "audio": encode_sound(np.zeros(40_000), 8000)} for row in ROWS]
    net = model(task)
    assert list(predict_rows(task, net, longer)) == list(predict_rows(task, net, ROWS))


def test_pace_finds_the_frames_of_each_sign():
    rng = np.random.default_rng(0)
    texts = [rng.integers(0, 4, rng.integers(5, 40)).tolist() for _ in range(400)]
    true = np.array([2.0, 3.0, 4.0, 7.0])
    found = Pace.fit(texts, [int(10 + true[ids].sum()) for ids in texts], 4)
    assert np.array(found.frames) == pytest.approx(true, abs=0.3)
    assert found.base == pytest.approx(10, abs=1.5)
    assert Pace(-100.0, (1.0,)).count([0]) == 4
    with pytest.raises(DataError, match="no text with its sound"):
        Pace.fit([], [], 4)


def test_the_vocoder_learns_from_the_segment_that_is_drawn_and_gives_sound(task):
    net = model(task, vocoder_width=8)
    store = examples_to_learn(task, ROWS)
    batch = store.cut(torch.arange(4), "cpu")
    drawn = [task.draw(batch, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    losses = [task.loss(net, one)[0] for one in drawn]
    assert torch.equal(losses[0], losses[1])
    assert not torch.equal(losses[0], losses[2])
    losses[0].sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.vocoder.parameters())
    rows = list(predict_rows(task, net, ROWS[:3]))
    assert all(len(decode_sound(row["audio"]).samples) > 100 for row in rows)


def test_spectral_loss_is_zero_for_the_sound_itself_and_blind_to_its_sign():
    x = torch.randn(3, 2048, generator=torch.Generator().manual_seed(0))
    assert spectral_loss(x, x).max() < 0.01
    assert torch.equal(spectral_loss(-x, x), spectral_loss(x, x))
    assert (spectral_loss(2 * x, x) > 0.5).all()
    silent = torch.zeros(1, 2048, requires_grad=True)
    spectral_loss(silent, x[:1]).sum().backward()
    assert silent.grad is not None
    assert silent.grad.isfinite().all()
    with pytest.raises(ShapeError, match="spectra of sounds"):
        spectral_loss(x[:, :100], x[:, :100])


def test_padding_and_the_batch_do_not_change_frames(task):
    net = model(task)
    store = examples_to_learn(task, ROWS)
    batch = store.cut(torch.arange(6), "cpu")
    with torch.no_grad():
        whole, durations = net(batch["tokens"], batch["tokens_keep"], batch["frames_keep"])
        for i in range(6):
            tokens, frames = int(batch["tokens_keep"][i].sum()), int(batch["frames_keep"][i].sum())
            one, alone = net(batch["tokens"][i : i + 1, :tokens], batch["tokens_keep"][i : i + 1, :tokens],
                             batch["frames_keep"][i : i + 1, :frames])  # fmt: skip
            torch.testing.assert_close(whole[i, :frames], one[0], rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(durations[i, :tokens], alone[0], rtol=1e-4, atol=1e-4)
