"""What a checkpoint's file holds, whatever its config.json says of it: which head, and which parts of another one."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from deepdojo.errors import RecipeError
from deepdojo.models.pretrained.checkpoint import Checkpoint
from deepdojo.models.pretrained.formats import Format
from deepdojo.models.pretrained.tensor_map import Entry

__all__ = ["Holdings"]


class Holdings:
    """The tensors of a checkpoint under the names of today, and what they are for.

    Attributes:
        own_head: the head that the file was written with.
        tensors: by the names that entries use; old ones say gamma and beta, and bare models leave the prefix out.
    """

    def __init__(self, checkpoint: Checkpoint, kind: Format) -> None:
        self.checkpoint, self.kind = checkpoint, kind
        self.files = {self._bare(kind.modern(name)): name for name in checkpoint.names()}
        self.own_head = self._own_head()
        names = {name for head in kind.heads() for entry in self._entries(head) for name in entry.theirs}
        self.tensors = checkpoint.lazily(
            {name: self.files[self._bare(name)] for name in names if self._bare(name) in self.files}
        )

    def _bare(self, name: str) -> str:
        return name.removeprefix(self.kind.prefix)

    def _entries(self, head: str, tied: bool | None = None) -> list[Entry]:
        settings = self.kind.to_arguments(self.checkpoint.config, head)
        if "tied" in settings:
            settings["tied"] = False if tied is None else tied  # untied has the names of tied, and more
        return self.kind.entries_for(settings, head)

    def _holds(self, entry: Entry) -> bool:
        return all(self._bare(name) in self.files for name in entry.theirs)

    def _own_head(self) -> str:
        """By `architectures`; where config.json is silent, the head that uses most of the file."""
        declared = self.kind.declared_head(self.checkpoint)
        if declared is not None:
            return declared
        tied = bool(self.checkpoint.config.get("tie_word_embeddings", True))
        used = {}
        for head in self.kind.heads():
            entries = self._entries(head, tied)
            used[head] = len(entries) if all(self._holds(entry) for entry in entries) else -1
        return max(used, key=lambda head: used[head])

    def _unknown(self) -> list[str]:
        """Tensors that no head of this architecture with this config.json has."""
        known = {self._bare(n) for head in self.kind.heads() for entry in self._entries(head) for n in entry.theirs}
        return sorted(old for name, old in self.files.items() if name not in known and not self.kind.ignored(old))

    def split(self, entries: Iterable[Entry], head: str, *, named: bool) -> tuple[list[Entry], list[Entry]]:
        """What is read, and what starts fresh: whole parts above the body that the file does not hold, where the head
        was named by the user. Raises RecipeError for anything else that is missing, or unknown; all are named."""
        entries = list(entries)
        other = head != self.own_head
        own_names = {name for entry in self._entries(self.own_head) for name in entry.theirs}
        # A classifier's last layer and a tagger's have one name in the file, and are not one another's.
        foreign = [e for e in entries if other and self.kind.own_to_a_head(e) and set(e.theirs) <= own_names]
        absent = [e for e in entries if not self._holds(e)]
        held_parts = {e.ours.split(".")[0] for e in entries if e not in absent and e not in foreign}
        fresh = [e for e in absent if named and e.ours.split(".")[0] in _TOPS - held_parts]
        missing = [name for e in absent if e not in fresh for name in e.theirs if self._bare(name) not in self.files]
        lists = {"missing": sorted(missing), "unknown": self._unknown()}
        said = "; ".join(f"{what}: {', '.join(names)}" for what, names in lists.items() if names)
        if said:
            kind, name = self.kind.model_type, self.checkpoint.name
            raise RecipeError(f"the tensors are not those of a {kind} with this config.json; {said}", where=name)
        fresh += [e for e in foreign if e not in fresh]
        return [e for e in entries if e not in fresh], fresh

    def tied_in_name_only(self) -> bool:
        """Whether the output table that config.json calls tied is in the file, and another: it counts, as it does in
        Transformers."""
        for table, twin in self.kind.tables():
            if self._bare(table) in self.files and self._bare(twin) in self.files:
                both = self.checkpoint.lazily({n: self.files[self._bare(n)] for n in (table, twin)})
                if not torch.equal(both[table], both[twin]):
                    return True
        return False


# The parts of our models that stand on the body.
_TOPS = {"head", "pooler", "words"}
