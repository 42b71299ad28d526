"""A learner's own code in a training: which names it may take, how it is read, compared with the built-in, and put in
its place. One adapter a file, where a lesson's signature is not the built-in's. Not here: lessons, verdicts, runs."""

from __future__ import annotations

from deepdojo.stand_ins.table import STAND_INS, StandIn, stand_in_of

__all__ = ["STAND_INS", "StandIn", "stand_in_of"]
