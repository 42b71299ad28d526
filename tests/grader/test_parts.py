"""The grader's parts by themselves: messages between processes, drawn sizes, comparison, the float32 rule, stubs."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import deepdojo.grader as surface
from deepdojo.errors import ProjectError, UnknownNameError
from deepdojo.grader import Check, case, gate, keep, mutant, normal
from deepdojo.grader.compare import Mismatch, align, difference
from deepdojo.grader.lessons import all_lessons, find_lesson, read_lesson
from deepdojo.grader.loading import load_check, mutated, stub_of
from deepdojo.grader.new_lesson import create_lesson
from deepdojo.grader.optimizers import light_optimizers
from deepdojo.grader.protocol import Opaque, ProtocolError, pack, unpack
from deepdojo.grader.spec import LessonError, text_of
from deepdojo.grader.truth import ask

plain = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text() | st.binary()
nested = st.recursive(
    plain, lambda v: st.lists(v) | st.dictionaries(st.text() | st.binary(), v) | st.tuples(v, v), max_leaves=20
)


@given(nested)
def test_what_is_packed_is_unpacked(value: object) -> None:
    assert unpack(pack(value)) == value


@given(st.binary(max_size=200))
def test_bytes_of_others_are_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        unpack(data)


@pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float32, torch.bfloat16, torch.int64, torch.bool, torch.complex128]
)
def test_tensors_cross(dtype: torch.dtype) -> None:
    sent = torch.randn(2, 3, dtype=torch.float64).to(dtype).t()
    got = unpack(pack({"a": [sent], "empty": torch.zeros(0, 3), "scalar": torch.tensor(2.0)}))
    assert torch.equal(got["a"][0], sent)
    assert got["a"][0].dtype == dtype
    assert got["scalar"].shape == ()
    assert unpack(pack(object())) == Opaque("object")
    assert isinstance(unpack(pack(torch.eye(2).to_sparse())), Opaque)


def test_the_surface_is_seven_names() -> None:
    assert sorted(surface.__all__) == ["Check", "adapt", "case", "keep", "mutant", "near_miss", "normal"]


@pytest.mark.parametrize("seed", range(20))
def test_axes_get_distinct_primes(seed: int) -> None:
    drawn = case("c", sizes={"h": 3}, q=normal("B H T K"), k=normal("B H S K"), w=normal("4H h")).draw(seed)
    assert len(set(drawn.sizes.values())) == len(drawn.sizes) == 6
    assert all(size in (2, 3, 5, 7, 11, 13, 17, 19) for size in drawn.sizes.values())
    assert drawn.arguments["w"].shape == (4 * drawn.sizes["H"], 3)
    again = case("c", sizes={"h": 3}, q=normal("B H T K"), k=normal("B H S K"), w=normal("4H h")).draw(seed)
    assert torch.equal(again.arguments["q"], drawn.arguments["q"])


@pytest.mark.parametrize("seed", range(20))
def test_masks_hide_something_and_show_something(seed: int) -> None:
    mask = case("c", m=keep("B 1 T S", dead=1)).draw(seed).arguments["m"].flatten(0, 2)
    seen = mask.any(-1)
    assert int((~seen).sum()) == 1
    assert not mask[seen].all(-1).any()


def test_structure_is_compared_before_numbers() -> None:
    a = torch.ones(2, 3)
    with pytest.raises(Mismatch) as wrong:
        align({"h": a}, {"h": a.t()})
    assert (wrong.value.kind, wrong.value.path) == ("shape", "h")
    assert len(align((a, [1, 2.0]), [a, (1, torch.tensor(2.0))])) == 3, (
        "lists count as tuples, tensors of one as numbers"
    )
    with pytest.raises(Mismatch):
        align(True, 1)
    with pytest.raises(Mismatch):
        align(a, a.double())


def test_infinities_and_nan_stand_in_the_same_places() -> None:
    e = torch.tensor([1.0, math.nan, math.inf, -math.inf])
    [same] = align(e, e.clone())
    assert difference(same, 0.0) is None
    [other] = align(e, torch.tensor([1.0, math.nan, math.inf, math.inf]))
    found = difference(other, 1e9)
    assert found is not None
    assert found.index == (3,)


def test_float32_may_lose_what_its_inputs_lost() -> None:
    """An honest two-pass variance at a mean of 10,000 stays within the bound, a one-pass one does not."""
    check = Check(
        lambda x: torch.var(x, -1, correction=0), cases=[case("far", x=normal("N 97", mean=10_000))], gradient=False
    )
    asked = ask(check, check.cases[0].draw(0))
    truth, bounds = asked.float32()
    x = asked.question["arguments"]["x"].float()
    two = (x - x.mean(-1, keepdim=True)).square().mean(-1)
    one = x.square().mean(-1) - x.mean(-1).square()
    assert float((two.double() - truth).abs().max()) <= bounds[""]
    assert float((one.double() - truth).abs().max()) > 100 * bounds[""]


def test_a_stub_is_cut_from_its_solution() -> None:
    stub = find_lesson("a2").stub
    assert "def softmax(x: Tensor, dim: int) -> Tensor:" in stub
    assert "amax" not in stub
    assert 'raise NotImplementedError("write this")' in stub
    planted = find_lesson("m1")
    assert len({stub_of(planted, seed) for seed in range(8)}) == 8
    assert planted.solution not in {stub_of(planted, seed) for seed in range(8)}


def test_an_edit_must_fit_once() -> None:
    with pytest.raises(LessonError, match="stands 2 times"):
        mutated("a = a", mutant("m", "a", "b", en="x", zh="字"))
    with pytest.raises(LessonError, match="takes no 'y'"):
        Check(lambda x: x, cases=[case("c", y=1)])


def test_a_mismatch_passes_through_a_context_manager() -> None:
    """contextlib writes __traceback__ into what comes through; a frozen dataclass raised another error instead."""

    @contextlib.contextmanager
    def watched() -> Iterator[None]:
        yield

    with pytest.raises(Mismatch, match="shape"), watched():
        align(torch.zeros(2), torch.zeros(3))


def test_an_oracle_whose_answers_number_hangs_on_last_digits_gives_bounds_all_the_same() -> None:
    x = torch.full((40,), 1.0, dtype=torch.float64)
    check = Check(lambda x: x[x >= 1.0], cases=[case("edge", x=lambda _: x)], gradient=False)
    asked = ask(check, check.cases[0].draw(0))
    truth, bounds = asked.float32()
    assert truth.shape == (40,)
    assert bounds[""] > 0
    assert asked.rounding()[0] == {}


def test_a_driver_is_sent_as_it_ran_whatever_its_author_writes_meanwhile(tmp_path: Path) -> None:
    folder = create_lesson(tmp_path / "x1-double")
    path = folder / "check.py"
    driver = "\n\n@adapt('double')\ndef drive(double, x):\n    return double(x)\n"
    path.write_text("from deepdojo.grader import Check, adapt, case, normal\n" + driver
                    + "\ncheck = Check(lambda x: 2 * x, cases=[case('c', x=normal('N'))], adapt=drive)\n")  # fmt: skip
    check = load_check(read_lesson(folder))
    path.write_text("")
    assert check.adapt.source == "def drive(double, x):\n    return double(x)\n"
    with pytest.raises(LessonError, match="was changed while it was read"):
        text_of(check.adapt.drive)


def test_a_gate_whose_lesson_is_changed_meanwhile_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lesson = read_lesson(create_lesson(tmp_path / "x1-double"))

    def edited(*_: object) -> None:
        (lesson.folder / "check.py").write_text("oh")
        load_check(lesson)

    monkeypatch.setattr(gate, "_behaviour", edited)
    report = gate.check_lesson(lesson, [lesson], seeds=1, runner=object())
    assert report.faults == ["check.py was changed while the lesson was checked: check it again"]


def test_facts_that_are_wrong_name_file_and_key(tmp_path: Path) -> None:
    folder = create_lesson(tmp_path / "x1-double")
    assert read_lesson(folder).function == "double"
    toml = folder / "lesson.toml"
    toml.write_text(toml.read_text().replace("minutes", "minuts"))
    with pytest.raises(UnknownNameError, match="did you mean 'minutes'"):
        read_lesson(folder)
    toml.write_text("= nothing")
    with pytest.raises(ProjectError, match="no valid TOML"):
        read_lesson(folder)


def test_lessons_stand_in_the_order_of_the_curriculum() -> None:
    ids = [lesson.id for lesson in all_lessons()]
    assert ids == sorted(ids, key=lambda i: (i[0], int(i.split("-")[0][1:])))


def test_optimizers_step_as_ever_without_the_compiler() -> None:
    def path() -> torch.Tensor:
        p = torch.ones(3, requires_grad=True)
        optimizer = torch.optim.AdamW([p], lr=0.1, weight_decay=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            p.pow(2).sum().backward()
            optimizer.step()
        return p.detach()

    before = torch.optim.AdamW.step
    with light_optimizers():
        light = path()
    assert torch.optim.AdamW.step is before
    assert torch.equal(light, path())
