"""Raw rows -> rows: the columns of a file become the roles of a task, and what cannot be used says why.

The `cells_*` files make the cells, one family of kinds each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from deepdojo.contracts import DIFFERENT, SAME, Contract, KindName
from deepdojo.data.cells import is_missing
from deepdojo.data.cells_boxes import boxes_cells
from deepdojo.data.cells_gallery import GalleryCheck, gallery_cells
from deepdojo.data.cells_labels import corrections_of, label_cells, labels_cells
from deepdojo.data.cells_media import media_cells, require_readable
from deepdojo.data.cells_numbers import array_cells, number_cells, skeleton_cells
from deepdojo.data.cells_record import NoFeatures, record_cells
from deepdojo.data.cells_text import exact_text_cells, text_cells, words_cells
from deepdojo.data.files import Files, Media
from deepdojo.data.gallery import Gallery
from deepdojo.data.raw_columns import Make, RawColumns, Reject, Row
from deepdojo.data.readers import RawRow
from deepdojo.data.spec import ProjectSpec

__all__ = ["RowMaker"]


class RowMaker:
    """Makes rows of one project.

    Args:
        targets: whether a row must have its targets. Without (`dojo predict`) they are left out of the row.
        ragged: whether rows may have different columns (JSON lines): an absent column is then a missing cell, and an
            error only if no row has it.
        learn: the rows are to learn from; of a task that compares pictures they hold nothing to compare with.
        known: where a gallery that all rows share lies, where that is not among `files`.

    Attributes:
        columns: where cells come from, and which columns were absent.
    """

    def __init__(
        self,
        spec: ProjectSpec,
        contract: Contract,
        files: Files,
        *,
        targets: bool,
        ragged: bool,
        learn: bool = False,
        known: Callable[[], Files] | None = None,
    ) -> None:
        self.contract, self.files, self.ragged, self.learn = contract, files, ragged, learn
        self.columns = RawColumns(spec, contract, files, targets=targets, ragged=ragged)
        self._known_files = known or (lambda: files)
        self._check_gallery = GalleryCheck(files)
        self._corrected = corrections_of(spec, files) if targets and spec.labels.corrections else {}
        self._no_features = NoFeatures.of(self.columns)
        self._makers = [(role, self._maker(role, kind)) for role, kind in contract.reads.items()]
        if targets:
            hidden = {role: kind for role, kind in contract.targets.items() if role not in contract.reads}
            self._makers += [(role, self._maker(role, kind)) for role, kind in hidden.items()]
            self._makers += [(role, self._hint(role, kind)) for role, kind in contract.hints.items()]

    def make(self, raw: RawRow) -> Row:
        """The row's cells by role, without an id. Raises Reject."""
        if raw.reject is not None:
            raise Reject(raw.reject)
        self.columns.note(raw)
        row = {role: maker(raw) for role, maker in self._makers}
        self._refuse_unaligned(row)
        self._refuse_strange(row)
        for role, cell in row.items():
            if isinstance(cell, Media):
                require_readable(self.files, cell, self.contract.columns[role])
            elif isinstance(cell, Gallery):
                self._check_gallery(cell)
        if self.contract.compared and not self.learn:
            self._refuse_no_question(row)
        return row

    def _refuse_no_question(self, row: Row) -> None:
        """What is asked of a row must have an answer: a pair is the same or different, a gallery holds the name."""
        target = self.contract.target
        galleries = [cell for cell in row.values() if isinstance(cell, Gallery)]
        if target not in row:
            return
        if not galleries and row[target] not in (SAME, DIFFERENT):
            raise Reject(f"the {target} of a pair is {row[target]!r}, not {SAME} or {DIFFERENT}")
        if galleries and row[target] not in galleries[0].names:
            raise Reject(f"the gallery has no picture of {row[target]!r}")

    def _refuse_unaligned(self, row: Row) -> None:
        sizes = {role: len(row[role]) for role in self.contract.aligned if role in row}
        if len(set(sizes.values())) > 1:
            raise Reject("the row has " + " and ".join(f"{size:,} {role}" for role, size in sizes.items()))

    def _refuse_strange(self, row: Row) -> None:
        for role, place in self.contract.within.items():
            if role in row and not any(part.strip() and part.strip() in row[place] for part in row[role]):
                raise Reject(f"none of the {role} stands in the {place}")

    def correct(self, row: Row) -> Row:
        """With the label that [labels] corrections gives its id."""
        label = self._corrected.get(row["id"]) if self._corrected else None
        return row if label is None else {**row, self.contract.target: label}

    def finish(self, rows: Sequence[Row]) -> None:
        """After the last row: a column that no row had is an error, and records of ragged rows get the same columns."""
        self.columns.check()
        if not self.ragged:
            return
        for role, kind in self.contract.reads.items():
            if kind != "record":
                continue
            names = dict.fromkeys(name for row in rows for name in row[role])
            for row in rows:
                if len(row[role]) < len(names):
                    row[role] = {name: row[role].get(name) for name in names}

    def _maker(self, role: str, kind: KindName) -> Make:
        """What makes the cells of a role, by its kind."""
        columns = self.columns
        if role in self.contract.compared and self.learn:
            return lambda raw: None
        match kind:
            case "gallery":
                return gallery_cells(columns, role, self._known_files)
            case "record":
                return record_cells(columns, columns.given(role, "*"), self._no_features)
            case "image" | "video" | "audio":
                return media_cells(columns, role, kind)
            case "text":
                return exact_text_cells(columns, role) if self.contract.host_run else text_cells(columns, role)
            case "tokens" | "texts":
                return words_cells(columns, role, kind)
            case "vector" | "matrix":
                return array_cells(columns, role, kind)
            case "boxes":
                return boxes_cells(columns, role)
            case "skeleton":
                return skeleton_cells(columns, role)
            case "number":
                return number_cells(columns, role)
            case "labels":
                return labels_cells(columns, role)
        return label_cells(columns, role)

    def _hint(self, role: str, kind: KindName) -> Make:
        """What may help to learn; None where the column is absent, or its cell is empty or nothing of that kind."""
        make, column = self._maker(role, kind), self.columns.of(role)

        def made(raw: RawRow) -> Any:
            if is_missing(raw.cells.get(column)):
                return None
            try:
                return make(raw)
            except Reject:
                return None

        return made
