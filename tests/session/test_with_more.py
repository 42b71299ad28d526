"""Ideas beside the layers: explanations, boxes, moved pictures, residual blocks, searches in the place of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import deepdojo as dd
from deepdojo import api
from deepdojo.errors import RecipeError, UsageError
from deepdojo.grader.lessons import find_lesson
from deepdojo.runs import Run
from deepdojo.stand_ins.homes import ours
from deepdojo.stand_ins.own import OwnCode, read_ideas
from deepdojo.stand_ins.probe_calls import COMPARISONS
from deepdojo.training.augment_boxes import Moves
from tests.session.test_again import QUICK


def own_of(lesson: str, source: str | None = None) -> OwnCode:
    found = find_lesson(lesson)
    return read_ideas([("mine.py", source or found.solution, lesson, found.names)])


@pytest.mark.slow
def test_decisions_are_explained_by_a_learners_functions_and_each_row_is_compared(tmp_path: Path) -> None:
    for lesson in ("l1-integrated-gradients", "l2-rollout", "l3-deletion"):
        (tmp_path / f"{lesson[:2]}.py").write_text(find_lesson(lesson).solution, encoding="utf-8")
    files = [tmp_path / "l1.py", tmp_path / "l2.py", tmp_path / "l3.py"]
    few = {"train.steps": 12}
    run = dd.train("digits", "vit", set=few, runs=tmp_path / "runs", baselines=False, report=False, explain=False)
    before = api.explain(run.folder)
    found = api.explain(run.folder, with_=files)
    assert [one["name"] for one in found["with"]] == ["integrated_gradients", "attention_rollout", "deletion_curve"]
    assert all(one["count"] == 1 and one["lesson"] for one in found["with"])
    assert (run.folder / "code" / "l1.py").is_file()
    drawn = [each for each in found["items"] if each["method"] == "attention_rollout"]
    assert drawn
    assert all(0 < sum(each["scores"]) < 1 and min(each["scores"]) > 0 for each in drawn)
    others = [each for each in found["items"] if each["method"] != "attention_rollout"]
    for a, b in zip(before["items"], others, strict=True):
        assert np.allclose(a["scores"], b["scores"], atol=1e-4)
    for method in found["summary"]:
        assert 0 < method["deletion_auc"] < 1
    (tmp_path / "softmax.py").write_text(find_lesson("a2-softmax").solution, encoding="utf-8")
    with pytest.raises(UsageError, match="softmax is of a training"):
        api.explain(run.folder, with_=[tmp_path / "softmax.py"])


@pytest.mark.parametrize("fill", ["edge", "zero", "reflect"])
def test_a_lessons_flip_and_crop_moves_pictures_and_boxes_as_ours_would(fill: str) -> None:
    draws = torch.Generator().manual_seed(3)
    images = torch.randint(0, 255, (5, 3, 20, 26), dtype=torch.uint8, generator=draws)
    low = torch.rand(5, 2, 2, generator=draws) * 10
    boxes = torch.cat([low, low + 1 + 10 * torch.rand(5, 2, 2, generator=draws)], -1)
    keep = torch.rand(5, 2, generator=draws) > 0.3
    calls: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
        "flip_and_shift": ((images, draws), {"flip": True, "shift": 3, "fill": fill}),
        "move_with_boxes": ((images, boxes, keep, draws, Moves(flip=True, shift=4, fill=fill)), {}),
    }
    solution = find_lesson("h1-augment").solution
    for source in (solution, solution.replace("width - x2, y1, width - x1, y2", "x1, y1, x2, y2")):
        (idea,) = own_of("h1-augment", source).ideas
        for part, (args, more) in calls.items():
            if source is solution or part == "flip_and_shift":
                COMPARISONS[part](idea, ours(part), idea.parts[part], args, more)  # type: ignore[arg-type]
            else:
                with pytest.raises(RecipeError, match="leaves other boxes"):
                    COMPARISONS[part](idea, ours(part), idea.parts[part], args, more)  # type: ignore[arg-type]


def test_suppression_and_overlaps_are_ours_to_the_last_index_also_of_equal_scores() -> None:
    draws = np.random.default_rng(4)
    corners = draws.uniform(0, 50, (60, 2))
    boxes = np.concatenate([corners, corners + draws.uniform(1, 30, (60, 2))], 1)
    scores = draws.integers(1, 9, 60) / 10
    suppressed, iou_of = ours("suppressed"), ours("iou_of")
    assert suppressed is not None
    assert iou_of is not None
    keep = own_of("h3-nms").ideas[0].parts["suppressed"]
    for limit in (0.1, 0.5):
        for n in (0, 1, 60):
            assert keep(boxes[:n], scores[:n], limit).tolist() == suppressed(boxes[:n], scores[:n], limit).tolist()
    found = own_of("h2-iou").ideas[0].parts["iou_of"](boxes, boxes[:7])
    assert np.abs(found - iou_of(boxes, boxes[:7])).max() < 1e-12


@pytest.mark.slow
def test_a_residual_block_trains_the_curve_of_ours_and_predicts_with_running_statistics(tmp_path: Path) -> None:
    (tmp_path / "block.py").write_text(find_lesson("c5-resnet-block").solution, encoding="utf-8")
    (tmp_path / "small.toml").write_text(
        '[model]\nname = "resnet"\nwidths = [4, 6]\nblocks = [1]\n[train]\nsteps = 12\n', encoding="utf-8"
    )
    given: dict[str, Any] = {"runs": tmp_path / "runs", **QUICK}
    own = dd.train("digits", str(tmp_path / "small.toml"), with_=[tmp_path / "block.py"], **given)
    plain = dd.train("digits", str(tmp_path / "small.toml"), **given)
    curves = [[line["loss"] for line in Run(run.folder).metrics() if line["kind"] == "step"] for run in (own, plain)]
    assert curves[0] == pytest.approx(curves[1], rel=2e-5)
    assert own.run.score["replaced"] == {"residual_block": 2}
    assert own.run.predictions().columns["label"] == plain.run.predictions().columns["label"]
    wide = {"model.preactivation": True}
    with pytest.raises(RecipeError, match="bends after each sum"):
        dd.train("digits", str(tmp_path / "small.toml"), set=wide, with_=[tmp_path / "block.py"], **given)


def test_a_lessons_cache_writes_what_ours_writes_and_follows_crossing_beams() -> None:
    from deepdojo.generation import beam_search, sample
    from deepdojo.models import create_model

    given: dict[str, Any] = {"vocab_size": 11, "context": 20, "width": 12, "num_layers": 2, "num_heads": 3}
    given |= {"positions": "learned", "bias": True}
    plain = create_model("decoder", **given).double().eval()
    for source in (None, (find_lesson("g5-kv-cache").folder / "accept" / "chunks.py").read_text(encoding="utf-8")):
        with own_of("g5-kv-cache", source).building():
            own = create_model("decoder", **given).double().eval()
        own.load_state_dict(plain.state_dict())
        prompt = torch.tensor([[1, 4], [2, 7]])
        drawn = [sample(net, prompt, 9, generator=torch.Generator().manual_seed(2)) for net in (plain, own)]
        assert torch.equal(*drawn)
        found = [beam_search(net, prompt, 6, beams=3) for net in (plain, own)]
        assert torch.equal(found[0][0], found[1][0])
        assert torch.allclose(found[0][1], found[1][1])


def test_a_lessons_beam_search_writes_the_best_text_of_ours() -> None:
    from deepdojo.models import create_model

    sizes = {
        "source_vocab_size": 9,
        "target_vocab_size": 8,
        "width": 12,
        "encoder_layers": 1,
        "decoder_layers": 1,
        "num_heads": 2,
    }
    model = create_model("encoder_decoder", **sizes).eval()
    source, prompt = torch.randint(0, 9, (3, 5)), torch.zeros(3, 1, dtype=torch.long)
    keep = torch.arange(5) < torch.tensor([5, 3, 1])[:, None]
    more: dict[str, Any] = {"beams": 3, "stop": [7], "length_power": 0.6, "source": source, "source_keep": keep}
    (idea,) = own_of("g6-beam").ideas
    search = ours("beam_search")
    assert search is not None
    (tokens, scores), (best, score) = (
        search(model, prompt, 5, **more),
        idea.parts["beam_search"](model, prompt, 5, **more),
    )
    for b in range(3):
        ended = [t if 7 not in t else t[: t.index(7) + 1] for t in (tokens[b, 0].tolist(), best[b, 0].tolist())]
        assert ended[0] == ended[1]
    assert torch.allclose(scores[:, 0], score[:, 0], atol=1e-5)


def test_features_of_sounds_are_those_of_ours_and_no_cache_holds_them() -> None:
    from deepdojo.data.codecs.mel_frames import MelFrames
    from deepdojo.swaps import features_taken

    sound = np.random.default_rng(6).normal(0, 0.1, 1700).astype(np.float32)
    codec = MelFrames(8000, 128, 512, (0.0,) * 20, 1.0)
    for lesson in ("i1-stft", "i2-mel"):
        own = own_of(lesson)
        (part,) = own.ideas[0].parts
        with own.at_work() as counts:
            assert features_taken()
            found = [codec.encode(sound[:n]) for n in (3, 200, 1700)]
        assert counts == {part: 1}
        for n, each in zip((3, 200, 1700), found, strict=True):
            assert np.abs(each - codec.encode(sound[:n])).max() < 1e-5
    assert not features_taken()
    with pytest.raises(RecipeError, match="reach from 0 Hz to 4000, and here from 20"):
        own_of("i2-mel").ideas[0].parts["mel_filters"](20, 512, 8000, 20.0, 4000.0)


@pytest.mark.slow
def test_a_lessons_lora_fine_tunes_the_curve_of_ours_and_leaves_a_plain_network(tmp_path: Path) -> None:
    (tmp_path / "lora.py").write_text(find_lesson("k4-lora").solution, encoding="utf-8")
    given: dict[str, Any] = {"runs": tmp_path / "runs", **QUICK}
    first = dd.train("digits", "vit", set={"train.steps": 6}, **given)
    given |= {"from_": first.folder, "set": {"train.steps": 12, "model.lora_rank": 2}}
    own = dd.train("digits", "vit", with_=[tmp_path / "lora.py"], **given)
    plain = dd.train("digits", "vit", **given)
    curves = [[line["loss"] for line in Run(run.folder).metrics() if line["kind"] == "step"] for run in (own, plain)]
    assert curves[0] == pytest.approx(curves[1], rel=2e-5)
    assert own.run.score["replaced"]["lora_linear"] > 0
    assert own.run.model().state_dict().keys() == plain.run.model().state_dict().keys()
    with pytest.raises(RecipeError, match="never takes lora_linear"):
        dd.train("digits", "vit", set={"train.steps": 6}, with_=[tmp_path / "lora.py"], **QUICK)


def test_a_lessons_encoding_gives_the_ids_and_places_of_the_library() -> None:
    from deepdojo.data.codecs.tokenizer_byte_pairs import BytePairTokenizer

    texts = ["Der Hund läuft über die Wiese.", "the dog runs 😀 over  the meadow, the dog!", "", " éé\n\tx"]
    tokenizer = BytePairTokenizer.fit([text for text in texts for _ in range(3)], vocab_size=330)
    for lower in (False, True):
        codec = BytePairTokenizer(tokenizer.tokens, tokenizer.merges, lower)
        (idea,) = own_of("g1-bpe").ideas
        encode = ours("bpe_encode")
        assert encode is not None
        COMPARISONS["bpe_encode"](idea, encode, idea.parts["bpe_encode"], (b"over", list(codec._pairs)), {})
        wanted = [codec.cut(text) for text in texts]
        with own_of("g1-bpe").at_work() as counts:
            assert [codec.cut(text) for text in texts] == wanted
        assert counts == {"bpe_encode": 1}
