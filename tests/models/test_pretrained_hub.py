"""A hub id, against a server on this machine that speaks the hub's protocol for reading."""

from __future__ import annotations

import pytest
import torch
from hugging_face import random_gpt2, written
from tests.hub_server import Hub, in_a_process_of_its_own, running_hub


@pytest.fixture
def hub(tmp_path):
    with running_hub(tmp_path / "hub") as server:
        yield server


def asked_in_a_process_of_its_own(hub: Hub, tmp_path, name: str, **arguments: str) -> dict:
    """What `from_pretrained` gives or says."""
    code = f"""
import json, sys, torch
from deepdojo.errors import DojoError
from deepdojo.models import from_pretrained
try:
    model = from_pretrained({name!r}, **{arguments!r})
    print(json.dumps({{"scores": model(torch.tensor([[1, 2, 3]])).tolist()}}))
except DojoError as error:
    print(json.dumps({{"error": str(error)}}))
"""
    return in_a_process_of_its_own(hub, tmp_path, code)


@pytest.mark.slow
def test_a_hub_id_is_downloaded_without_its_pickled_files_and_then_kept(hub, tmp_path):
    theirs = random_gpt2(0)
    folder = written(theirs, hub.root / "ada" / "tiny")
    (folder / "pytorch_model.bin").write_bytes(b"never opened")
    found = asked_in_a_process_of_its_own(hub, tmp_path, "ada/tiny")
    wanted = theirs(torch.tensor([[1, 2, 3]])).logits.detach()
    torch.testing.assert_close(torch.tensor(found["scores"]), wanted, rtol=0, atol=1e-5 * float(wanted.abs().max()))
    assert not any("pytorch_model" in path for _, path in hub.asked)
    downloads = sum(command == "GET" and "resolve" in path for command, path in hub.asked)
    again = asked_in_a_process_of_its_own(hub, tmp_path, "ada/tiny")
    assert again == found
    assert sum(command == "GET" and "resolve" in path for command, path in hub.asked) == downloads


@pytest.mark.slow
def test_what_the_hub_does_not_have_is_said_in_a_sentence(hub, tmp_path):
    written(random_gpt2(0), hub.root / "ada" / "tiny")
    said = asked_in_a_process_of_its_own(hub, tmp_path, "ada/tinny")["error"]
    assert "there is no folder ada/tinny, and the hub has no such model" in said
    said = asked_in_a_process_of_its_own(hub, tmp_path, "ada/tiny", revision="v9")["error"]
    assert "ada/tiny has no revision v9" in said
    said = asked_in_a_process_of_its_own(hub, tmp_path, "ada/locked")["error"]
    assert "ada/locked asks for consent on its page; give it there and set HF_TOKEN" in said
    hub.shutdown()
    hub.server_close()
    said = asked_in_a_process_of_its_own(hub, tmp_path, "ada/other")["error"]
    assert "the hub cannot be reached" in said
