"""One function for each verb. The command line calls these only; `import deepdojo as dd` offers them."""

from deepdojo.api.comparing import Comparison, board, compare
from deepdojo.api.competing import (
    event_board,
    follow_board,
    host,
    host_lesson,
    join,
    manage,
    own_submissions,
    serve,
    submit,
)
from deepdojo.api.finished import errors, explain, export, load, predict, report, runs, score
from deepdojo.api.learning import (
    check_lessons,
    export_progress,
    grade,
    gradebook,
    learner,
    lesson_language,
    new_lesson,
)
from deepdojo.api.projects import bundle, check, look, new, open_dataset
from deepdojo.api.training import Reproduction, curve, reproduce, train, train_all
from deepdojo.session.loaded import LoadedRun

__all__ = [
    "Comparison",
    "LoadedRun",
    "Reproduction",
    "board",
    "bundle",
    "check",
    "check_lessons",
    "compare",
    "curve",
    "errors",
    "event_board",
    "explain",
    "export",
    "export_progress",
    "follow_board",
    "grade",
    "gradebook",
    "host",
    "host_lesson",
    "join",
    "learner",
    "lesson_language",
    "load",
    "look",
    "manage",
    "new",
    "new_lesson",
    "open_dataset",
    "own_submissions",
    "predict",
    "report",
    "reproduce",
    "runs",
    "score",
    "serve",
    "submit",
    "train",
    "train_all",
]
