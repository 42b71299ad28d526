"""Writing on from a beginning, token by token, over any model that follows `LanguageModel`. No task, file or text."""

from deepdojo.generation.sampling import sample

__all__ = ["sample"]
