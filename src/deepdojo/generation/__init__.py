"""Writing on from a beginning, token by token, over any model that follows `LanguageModel` or `Seq2Seq`. No task, file
or text."""

from deepdojo.generation.beam_search import beam_search
from deepdojo.generation.sampling import sample

__all__ = ["beam_search", "sample"]
