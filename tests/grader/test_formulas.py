"""Formulas and figures of the texts: what a browser draws, what a terminal reads, what the gate refuses."""

from __future__ import annotations

import importlib.util
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from deepdojo.grader.figures import figure_html, svg_faults
from deepdojo.grader.formulas import FormulaError, mathml, plain, reader
from deepdojo.grader.gate import check_lesson
from deepdojo.grader.lessons import LESSONS, all_lessons, find_lesson, read_lesson


@pytest.mark.parametrize(
    ("latex", "line"),
    [
        (r"\mathrm{out}_{n,m} = \sum_d (a_{n,d} - b_{m,d})^2", "out[n, m] = Σ_d (a[n, d] − b[m, d])²"),
        (r"\frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}} \cdot \mathrm{weight}", "(x − μ) / √(σ² + ε) · weight"),
        (r"\frac1N \sum_i |x_i|, \qquad \hat m = -2x", "1/N Σᵢ |xᵢ|,  m̂ = −2x"),
        (r"W_{hh} h_{t-1} + \mathrm{bias}_o", "W_hh hₜ₋₁ + bias_o"),
        (r"\log\left(e^{a} + 1\right) \cdot \frac{\partial f}{\partial x_i}", "log(e^a + 1) · ∂f/∂xᵢ"),
        (r"\frac{-\sum_n t_n \log p_n}{2L + 1}", "(−Σₙ tₙ log pₙ) / (2L + 1)"),
        (r"x W^\top, x^{(k)}, c', p(y \mid z)", "x Wᵀ, x⁽ᵏ⁾, c′, p(y | z)"),
    ],
)
def test_a_terminal_reads_what_a_browser_draws(latex: str, line: str) -> None:
    assert plain(latex) == line
    tree = ElementTree.fromstring(mathml(latex, block=True))
    assert tree.get("display") == "block"
    assert not [node for node in tree.iter() if node.get("style")], "the page allows no style of its own"


def test_a_formula_that_is_none_is_said_and_shown_as_written() -> None:
    for latex in (r"\frac{a}", r"\nosuchthing x"):
        with pytest.raises(FormulaError, match="formula"):
            plain(latex)
    assert r"<code>\nosuchthing &lt;x&gt;</code>" in reader().render(r"so $\nosuchthing <x>$ it is")


@pytest.mark.parametrize(
    "inside",
    [
        "<script>alert(1)</script>", '<rect onclick="alert(1)"/>', '<image href="http://example.org/x.png"/>',
        '<rect style="fill:red"/>', '<rect fill="url(http://example.org)"/>', "<foreignObject/>", "<rect",
        "<style>*{}</style>",
        '<a xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="javascript:alert(1)"/>',
    ],
)  # fmt: skip
def test_a_figure_holds_shapes_and_nothing_else(tmp_path: Path, inside: str) -> None:
    path = tmp_path / "f.svg"
    path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">{inside}</svg>')
    assert [*svg_faults(path)]
    assert "svg" not in figure_html(tmp_path, "f.svg", "words"), "a page shows its words alone"


def test_the_gate_looks_at_formulas_and_figures(tmp_path: Path) -> None:
    shutil.copytree(LESSONS / "c1-conv2d", tmp_path / "c1-conv2d")
    lesson = read_lesson(tmp_path / "c1-conv2d")
    text, window = lesson.folder / "text.zh.md", lesson.folder / "window.svg"
    (lesson.folder / "spare.svg").write_text(window.read_text().replace("<rect ", '<rect onload="f()" ', 1))
    window.unlink()
    said = text.read_text()
    text.write_text(said.replace("b,o,y,x", "b,o,x,y", 1).replace("](window.svg)", "](spare.svg)") + "\n$\\oops$\n")
    faults = "\n".join(check_lesson(lesson, [lesson]).faults)
    assert "do not have the same formulas" in faults
    assert "\\oops" in faults
    assert "do not name the same figures" in faults
    assert "window.svg is missing" in faults
    assert "has onload='f()'" in faults


def test_every_track_has_a_figure() -> None:
    assert {lesson.track for lesson in all_lessons() if [*lesson.folder.glob("*.svg")]} == set("abcdefghijklm")


@pytest.mark.slow
def test_figures_are_what_the_solutions_give() -> None:
    script = Path(__file__).parents[2] / "benchmarks" / "lesson_figures.py"
    spec = importlib.util.spec_from_file_location("lesson_figures", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    drawn = {(path.parent.name, path.name) for path in LESSONS.glob("*/*.svg")}
    assert drawn == set(module.FIGURES)
    for lesson, name in drawn:
        new, old = module.draw(lesson, name), (find_lesson(lesson).folder / name).read_text(encoding="utf-8")
        number = re.compile(r"-?\d+(?:\.\d+)?")
        assert number.sub("#", new) == number.sub("#", old), f"{lesson}/{name}: draw it anew"
        far = [abs(float(a) - float(b)) for a, b in zip(number.findall(new), number.findall(old), strict=True)]
        assert max(far) < 0.3, f"{lesson}/{name}: draw it anew"
