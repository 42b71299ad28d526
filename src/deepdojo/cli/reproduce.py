"""`dojo reproduce`: train a run once more and see whether the score comes back."""

from __future__ import annotations

from dataclasses import asdict

from deepdojo.cli.options import Json, Offline, RunName, Trust
from deepdojo.cli.output import next_step, out, print_json, quoted, styled
from deepdojo.cli.words import metric_name

__all__ = ["reproduce"]


def reproduce(run: RunName, /, *, offline: Offline = False, trust: Trust = False, json: Json = False) -> int:
    """Train a run again and compare the scores.

    dojo reproduce last                same recipe, seed and number of steps
    dojo reproduce 2026-11-24-0640     a run by the beginning of its id
    dojo reproduce last --json         exit code 1 where the score differs
    """
    from deepdojo import api
    from deepdojo.cli.terminal import TerminalListener

    listener = TerminalListener()
    try:
        found = api.reproduce(run, listener=listener, offline=offline, trust=trust)
    finally:
        listener.finish()
    same = found.same_score
    if json:
        print_json({"same": same, **asdict(found)})
        return int(not same)
    got, recorded = (f"{metric_name(found.metric)} {value:.6g}" for value in (found.score, found.recorded))
    weights = "the same weights to the bit" if found.same_weights else "other weights"
    if same:
        out(f"{styled('The same score', 'good')} · {got} · {weights}")
        next_step(f"dojo report {quoted(run)} --open")
    else:
        out(f"{styled('Not the same score', 'bad')} · {got}, recorded {recorded} · {weights}")
        next_step("dojo doctor", "what is different on this machine")
    return int(not same)
