"""Colours by role: enough contrast in both themes, and an order that survives grey print."""

from __future__ import annotations

import re

import pytest

from deepdojo.report.tokens import INK_ON, TOKENS, contrast, stylesheet

TEXTS = ("text", "muted", "accent", "good", "bad")
SURFACES = ("surface", "raised", "band")


def test_contrast_agrees_with_the_published_examples():
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("role", TEXTS)
def test_every_text_role_can_be_read_on_every_surface(role, surface, theme):
    assert contrast(TOKENS[role][theme], TOKENS[surface][theme]) >= 4.5


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("step", INK_ON)
def test_numbers_can_be_read_on_every_step_of_the_sequence(step, theme):
    assert contrast(INK_ON[step][theme], TOKENS[step][theme]) >= 4.5


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_a_tinted_token_keeps_its_text_readable(theme):
    """The strongest tint of `.token` is 42 % of the colour over the surface."""
    for side in ("for", "against"):
        tint, under = ([int(TOKENS[role][theme][i : i + 2], 16) for i in (1, 3, 5)] for role in (side, "surface"))
        mixed = "#" + "".join(f"{round(0.42 * a + 0.58 * b):02x}" for a, b in zip(tint, under, strict=True))
        assert contrast(TOKENS["text"][theme], mixed) >= 4.5


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_the_sequence_leaves_the_surface_step_by_step(theme):
    """More is further from the surface in luminance, so the matrix reads the same printed in grey."""
    away = [contrast(TOKENS[f"q{k}"][theme], TOKENS["surface"][theme]) for k in range(1, 7)]
    assert away == sorted(away)
    assert away[0] > 1.1


def test_the_stylesheet_names_only_roles_that_exist_and_fetches_nothing():
    css = stylesheet()
    used = set(re.findall(r"var\(--([a-z0-9-]+)", css))
    known = set(TOKENS) | {f"on-{role}" for role in INK_ON} | {"c", "s", "w"}
    assert used <= known
    assert "url(" not in css
    assert "@import" not in css
