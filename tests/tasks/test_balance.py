"""Text classes that are tested in other shares than they are trained in."""

from __future__ import annotations

import json
import math

import pytest
import torch

from deepdojo.models import create_model
from deepdojo.tasks import restore_task
from deepdojo.tasks.text_classification import TextClassification
from deepdojo.training.stream import examples_to_learn

ROWS = [{"id": str(i), "text": f"word{i % 3} fill", "label": "rare" if i % 10 == 0 else "common"} for i in range(40)]


def test_the_loss_is_of_scores_with_log_shares_and_predictions_are_of_the_scores_alone() -> None:
    task = TextClassification.fit(ROWS, balance=True)
    plain = TextClassification.fit(ROWS)
    assert dict(zip(task.labels.names, task.log_shares, strict=True)) == {
        "common": pytest.approx(math.log(0.9)), "rare": pytest.approx(math.log(0.1)),
    }  # fmt: skip
    torch.manual_seed(0)
    model = create_model("text_cnn", task.dims()).eval()
    batch = examples_to_learn(task, ROWS).cut(torch.arange(40))
    scores = task.scores(model, batch)
    wanted = torch.nn.functional.cross_entropy(scores + torch.tensor(task.log_shares), batch["label"], reduction="none")
    torch.testing.assert_close(task.loss(model, batch)[0], wanted)
    with torch.no_grad():
        for a, b in zip(task.predict(model, batch), plain.predict(model, batch), strict=True):
            assert a.tolist() == b.tolist()


def test_it_goes_through_json_and_an_older_state_has_none() -> None:
    task = TextClassification.fit(ROWS, balance=True)
    state = json.loads(json.dumps(task.state()))
    assert restore_task(state) == task
    del state["log_shares"]
    assert restore_task(state).log_shares == ()
