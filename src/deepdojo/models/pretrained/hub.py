"""The Hugging Face hub: a model id becomes a folder in the hub's own cache."""

from __future__ import annotations

import re
from pathlib import Path

from deepdojo.errors import RecipeError

__all__ = ["looks_like_hub_id", "snapshot"]

_FILES = ["config.json", "*.safetensors", "*.safetensors.index.json"]


def looks_like_hub_id(name: str) -> bool:
    """Whether `name` is `owner/name`, or the bare name of an old model such as gpt2."""
    return re.fullmatch(r"[\w][\w.-]{0,95}(/[\w][\w.-]{0,95})?", name) is not None


def snapshot(name: str, revision: str | None) -> Path:
    """Downloads what a model needs, pickled files left out, and returns its folder. Raises RecipeError."""
    # Imported here: folders need none of it.
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=_FILES))
    except GatedRepoError as error:
        raise RecipeError(
            f"{name} asks for consent on its page", where=name, todo="give it there and set HF_TOKEN"
        ) from error
    except RevisionNotFoundError as error:
        raise RecipeError(f"{name} has no revision {revision}", where=name) from error
    except RepositoryNotFoundError as error:
        raise RecipeError(
            f"there is no folder {name}, and the hub has no such model (or it is private)",
            where=name,
            todo="check the name, or set HF_TOKEN",
        ) from error
    except LocalEntryNotFoundError as error:
        raise RecipeError(
            f"there is no folder {name}, the hub cannot be reached, and its cache does not hold it", where=name
        ) from error
    except (HFValidationError, HfHubHTTPError, OSError) as error:
        raise RecipeError(f"the hub did not give {name}: {str(error).splitlines()[0]}", where=name) from error
