"""`dojo doctor`: is this machine ready."""

from __future__ import annotations

from deepdojo.cli.options import Json
from deepdojo.cli.output import next_step, out, print_json, styled, text_width
from deepdojo.cli.words import plural

__all__ = ["doctor"]

_SIGNS = {"ok": ("ok", "good"), "note": ("note", "dim"), "warning": ("look", "warn"), "error": ("bad", "bad")}


def doctor(*, json: Json = False) -> int:
    """Check that this machine is ready.

    dojo doctor           Python, torch, devices, disk, folders, terminal
    dojo doctor --json    as data, for a bug report
    NO_COLOR=1 dojo doctor
    """
    from dataclasses import asdict

    from deepdojo.doctor import examine

    findings = examine()
    bad = [f for f in findings if f.verdict == "error"]
    if json:
        print_json({"ready": not bad, "findings": [asdict(f) for f in findings]})
        return int(bool(bad))
    out(styled("Ready.", "good") if not bad else styled(f"Not ready: {plural(len(bad), 'thing')} to mend.", "bad"))
    out()
    wide = max(text_width(f.name) for f in findings)
    for finding in findings:
        word, style = _SIGNS[finding.verdict]
        out(f"  {styled(f'{word:<4}', style)}  {finding.name:<{wide}}  {finding.value}")
        if finding.todo:
            out(f"  {'':<4}  {'':<{wide}}  {finding.todo}")
    next_step("dojo train digits" if not bad else "dojo doctor", "" if not bad else "once it is mended")
    return int(bool(bad))
