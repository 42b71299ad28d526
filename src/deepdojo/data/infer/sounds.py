"""From a folder (or archive) of sounds, or a table that names their files, to a project.

Where the folders are classes the sounds are told apart; where a table gives words, they are written down.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import PurePosixPath
from typing import Any

from deepdojo.contracts import CONTRACTS, contract_of
from deepdojo.data.cells import is_missing
from deepdojo.data.files import Files
from deepdojo.data.infer.class_folders import classes_of, data_in, files_in, into_single_folder, parts_in, split_in
from deepdojo.data.infer.images import IMAGES
from deepdojo.data.infer.inferred import Choices, Inferred, class_metric, listed, said_classes, two_classes
from deepdojo.data.infer.reading import READER_OF, TARGETS, TableFile
from deepdojo.data.infer.text import media_cells, text_facts
from deepdojo.data.readers.sound_folder import SOUNDS
from deepdojo.data.sounds import SOUND_SUFFIXES
from deepdojo.errors import DataError, UsageError

__all__ = [
    "FOLDERS", "SPEAKERS", "holds_sounds", "infer_sound_table", "infer_sounds", "infer_spoken", "sound_column",
    "table_beside",
]  # fmt: skip

CLASSIFICATION, RECOGNITION = "audio-classification", "speech-recognition"
FOLDERS = ("", "audio/", "sounds/", "sound/", "wav/", "wavs/", "clips/", "recordings/", "train/")
TEXTS = ("text", "transcript", "transcription", "sentence", "words", "utterance", "normalized_text", "文本", "句子")
SPEAKERS = re.compile(r"(speaker|client|reader|singer|narrator|说话人)s?($|[ _-]?(id|no|nr|name)$)", re.IGNORECASE)


def holds_sounds(files: Files, prefix: str) -> bool:
    """Whether sounds lie below, and no images do: with both, the sounds belong to a video or are beside the matter."""
    return bool(files.glob(prefix + SOUNDS)) and not files.glob(prefix + IMAGES)


def table_beside(files: Files, prefix: str) -> str | None:
    """The one table on top of a folder whose sounds lie in no class folders, or None."""
    if "!" in prefix:
        return None
    tables = [name for name in files.glob(f"{prefix}*") if f".{name.rpartition('.')[2].lower()}" in READER_OF]
    return tables[0] if len(tables) == 1 else None


def infer_sounds(
    files: Files, prefix: str, choices: Choices, inferred: Inferred, test_prefix: str | None = None
) -> None:
    """Class folders of sounds. Arguments as `infer_images`.

    Raises:
        DataError: no class folders, one class. UsageError: a choice that only tables know.
    """
    _refuse_choices(choices, inferred)
    names = _names(files, prefix, inferred)
    prefix, names = into_single_folder(prefix, names)
    held_out = None if test_prefix is None else (test_prefix, _names(files, test_prefix, inferred))
    parts = parts_in(prefix, names, held_out)
    _say_classes(parts, names, choices, inferred)
    data = data_in(parts, prefix, names) | {"reader": "sounds"}
    inferred.spec |= {"data": data, "columns": {"audio": "file", "label": "label"}}
    inferred.comments["columns.label"] = "the folder's name"
    inferred.say("id: the path of each sound")
    inferred.spec["split"] = split_in(parts, choices, inferred, inputs="sound")
    inferred.say("one person speaks on both sides of this split if several sounds are theirs: to be judged on new "
                 "voices, give a table with a column of speakers")  # fmt: skip
    inferred.files = files_in(parts, prefix, names)


def _refuse_choices(choices: Choices, inferred: Inferred) -> None:
    shown = inferred.shown[0]
    for option in ("target", "id", "group", "time"):
        if getattr(choices, option) is not None:
            raise UsageError(
                f"--{option} names a column of a table, and {shown.name} holds sounds in class folders",
                todo="leave it out, or give a table of file names",
            )
    if choices.task not in (None, CLASSIFICATION):
        raise UsageError(
            f"{shown.name} holds sounds in class folders, which {choices.task} cannot use",
            todo="give a table of file names and texts",
        )


def _say_classes(parts: dict[str, Any], names: list[str], choices: Choices, inferred: Inferred) -> None:
    """How many sounds and classes there are, the task and the metric."""
    shown = inferred.shown[0]
    counts, loose = classes_of(parts["train"][1] if parts else names)
    if not counts:
        raise DataError(
            f"its {loose:,} sounds lie in no class folders", where=str(shown),
            todo="make one folder a class, or give a table of file names and labels",
        )  # fmt: skip
    n = sum(counts.values())
    where = ", ".join(f"{split} {len(inner):,}" for split, (_, inner) in parts.items()) if parts else f"{n:,}"
    inferred.say(f"{shown.name}: {where} sounds in {len(counts):,} folders, one a class")
    if loose:
        inferred.say(f"{loose:,} sound{'s lie' if loose != 1 else ' lies'} in no class folder: left out")
    inferred.say(
        f"task: {CLASSIFICATION}, because the data are sounds in class folders", "task", "sounds in class folders"
    )
    two_classes(counts, "it", str(shown), "make one folder a class")
    inferred.say(said_classes(counts))
    metric, why = (choices.metric, "as given") if choices.metric is not None else class_metric(counts)
    inferred.say(f"metric: {metric}, {why}", "metric", why)
    inferred.spec |= {"task": CLASSIFICATION, "metric": metric}


def sound_column(table: TableFile, choices: Choices) -> tuple[str, str] | None:
    """(column that names sounds that are there, pattern of their files), or None; never where another task is asked
    for."""
    contract = None if choices.task is None else contract_of(choices.task)
    if contract is not None and "audio" not in (contract.input_kind, contract.target_kind):
        return None
    for name in table.names:
        if name in (choices.target, choices.group, choices.time):
            continue
        pattern = media_cells(table, name, SOUND_SUFFIXES, FOLDERS)
        if pattern is not None:
            return name, pattern
    if choices.task is not None:
        raise UsageError(
            "no column names sound files that are there", where=table.shown, todo="name paths relative to the file"
        )
    return None


def infer_sound_table(
    table: TableFile, sound: tuple[str, str], target: str | None, choices: Choices, inferred: Inferred
) -> tuple[str, Choices]:
    """Fill task, columns and metric of `inferred`; returns the target's column, and the choices with rows of one
    speaker kept together.

    Raises:
        DataError: no column is left for a target, or it holds one class.
    """
    column, pattern = sound
    if choices.task is not None and contract_of(choices.task).target_kind == "audio":
        return infer_spoken(table, sound, target, choices, inferred), choices
    target, why = (target, "as given") if target is not None else _target(table, column, choices)
    inferred.say(f"target: {target} ({why}{'' if choices.target else '; another one: --target COLUMN'})")
    facts = text_facts(table.column(target))
    written = target.lower().strip() in TEXTS or (facts.words >= 1.5 and facts.distinct > 0.05)
    task = choices.task or (RECOGNITION if written else CLASSIFICATION)
    reason = f"{column} names sound files and {target} holds " + ("texts" if task == RECOGNITION else "classes")
    inferred.spec["task"] = task
    inferred.say(f"task: {task}, because {reason}" if not choices.task else f"task: {task} (as given)", "task", reason)
    contract = CONTRACTS[task]
    inferred.spec["columns"] = {"audio": {"column": column, "file": pattern}, contract.target: target}
    metric, why = contract.metric, f"the usual one of {task}"
    if contract.target_kind == "label":
        counts = Counter(str(cell).strip() for cell in table.targets(target) if not is_missing(cell))
        two_classes(counts, f"the target {target!r}", table.shown, "add rows of another class")
        inferred.say(said_classes(counts))
        metric, why = class_metric(counts)
    metric, why = (choices.metric, "as given") if choices.metric is not None else (metric, why)
    inferred.spec["metric"] = metric
    inferred.say(f"metric: {metric}, {why}", "metric", why)
    return target, _by_speaker(table, target, choices, inferred)


def infer_spoken(
    table: TableFile, sound: tuple[str, str], target: str | None, choices: Choices, inferred: Inferred
) -> str:
    """A table of texts and the files in which they are said, from which to learn to say others: fill task, columns and
    metric; returns the column of sounds.

    Raises:
        UsageError: another target than the sounds. DataError: no column holds texts.
    """
    column, pattern = sound
    if target not in (None, column):
        raise UsageError(f"the sounds are named by {column!r}, and {target!r} is no sound", where=table.shown,
                         todo="leave out --target")  # fmt: skip
    free = [n for n in table.names if n not in (column, choices.id, choices.group, choices.time)]
    facts = {name: text_facts(table.column(name)) for name in free}
    texts = [name for name in free if facts[name].words >= 1.5]
    if not texts:
        raise DataError("no column holds texts of several words", where=table.shown,
                        todo="add what is said in each file")  # fmt: skip
    named = [name for wanted in reversed(TEXTS) for name in texts if name.lower().strip() == wanted]
    text = named[0] if named else texts[-1]
    task = str(choices.task)
    inferred.say(
        f"text: {text} ({'by its name' if named else 'the last column of texts'}), said in the files of {column}"
    )
    inferred.say(f"task: {task} (as given)", "task", "as given")
    contract = contract_of(task)
    inferred.spec |= {
        "task": task,
        "columns": {contract.input: text, contract.target: {"column": column, "file": pattern}},
    }
    metric, why = (choices.metric or contract.metric), "as given" if choices.metric else f"the usual one of {task}"
    inferred.spec["metric"] = metric
    inferred.say(f"metric: {metric}, {why}", "metric", why)
    return column


def _by_speaker(table: TableFile, target: str, choices: Choices, inferred: Inferred) -> Choices:
    """Rows of one speaker stay together, unless asked otherwise: a model that has heard a voice knows it."""
    if choices.group is not None or choices.time is not None:
        return choices
    found = next((name for name in table.names if name != target and SPEAKERS.match(name.strip())), None)
    if found is None:
        return choices
    n = len({str(cell).strip() for cell in table.column(found) if not is_missing(cell)})
    if n < 5:
        inferred.say(f"{found} names {n} speakers, too few to keep whole: the same voices stand on both sides; "
                     f"to be judged on new ones, give --group {found}")  # fmt: skip
        return choices
    inferred.say(f"{found} names {n:,} speakers: no voice stands on both sides of the split")
    return Choices(**{**vars(choices), "group": found})


def _target(table: TableFile, column: str, choices: Choices) -> tuple[str, str]:
    free = [n for n in table.names if n not in (column, choices.id, choices.group, choices.time)]
    wanted = TEXTS if choices.task == RECOGNITION else TARGETS if choices.task == CLASSIFICATION else (*TARGETS, *TEXTS)
    named = [n for name in wanted for n in free if n.lower().strip() == name]
    other = [n for n in free if not SPEAKERS.match(n.strip())] or free
    if not other:
        raise DataError(
            f"the file has the columns {listed(table.names)}: nothing is left to predict", where=table.shown,
            todo="add a column with the class or the words of each sound",
        )  # fmt: skip
    return (named[0], "by its name") if named else (other[-1], "the last column")


def _names(files: Files, prefix: str, inferred: Inferred) -> list[str]:
    names: list[Any] = [name.removeprefix(prefix) for name in files.glob(prefix + SOUNDS)]
    if not names:
        raise DataError("there are no sounds in it", where=prefix.rstrip("/!"))
    others = Counter(PurePosixPath(name).suffix.lower() or "without an ending" for name in files.glob(f"{prefix}**/*"))
    left = [f"{n:,} {end}" for end, n in others.most_common() if end.removeprefix(".") not in SOUND_SUFFIXES]
    if left:  # a whole class of .m4a must not be missing in silence
        inferred.say(f"left out by their ending: {listed(left)}")
    return names
