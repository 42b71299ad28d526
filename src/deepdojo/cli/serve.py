"""`dojo serve`: pages, API and scoring, one command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from deepdojo.cli.options import option
from deepdojo.cli.output import err, next_step, out, styled

__all__ = ["serve"]


def serve(
    *,
    store: Annotated[Path, option("The server's folder, which dojo host made.", "Where")] = Path("dojo-server"),
    db: Annotated[str | None, option("postgresql://… where its database is one.", "Where")] = None,
    host: Annotated[str, option("Address to listen at; 127.0.0.1 behind a proxy.", "Network")] = "0.0.0.0",
    port: Annotated[int, option("Port to listen at.", "Network")] = 8000,
    name: Annotated[list[str] | None, option("A name by which the room asks for this machine.", "Network")] = None,
    certificate: Annotated[Path | None, option("TLS: a certificate chain (PEM).", "Network")] = None,
    key: Annotated[Path | None, option("TLS: its private key (PEM).", "Network")] = None,
    bundle: Annotated[Path | None, option("A folder of dojo bundle: the room installs from here.", "Options")] = None,
    scoring_only: Annotated[bool, option("Workers alone, beside another machine's server.", "Options")] = False,
    workers: Annotated[int | None, option("Scoring processes; default: one less than cores.", "Options")] = None,
) -> None:
    """Serve competitions to the room: pages, API and scoring.

    dojo serve                               what dojo host made here
    dojo serve --port 8080 --name gpu-box    asked for by another name
    dojo serve --certificate c.pem --key k.pem
    dojo serve --bundle offline              thirty laptops install from here
    dojo serve --db postgresql://… --scoring-only
    """
    from deepdojo import api

    api.serve(
        store, db, host=host, port=port, names=name or [], certificate=certificate, key=key, workers=workers,
        bundle=bundle, pages=not scoring_only, say=err,
        ready=lambda told: _alone() if scoring_only else _ready(told, bundle is not None, _behind_proxy(host, name)),
    )  # fmt: skip
    err("stopped; nothing was lost")


def _alone() -> None:
    out("Scoring; Ctrl-C ends it")


def _behind_proxy(host: str, names: list[str] | None) -> str | None:
    """The room's address where a proxy on this machine stands before the server."""
    return f"https://{names[0]}" if names and host in ("127.0.0.1", "::1", "localhost") else None


def _ready(told: dict[str, Any], offers: bool, proxy: str | None) -> None:
    out(f"Serving at {styled(' and '.join(told['addresses']), 'bold')}; Ctrl-C ends it")
    for event in told["events"]:
        out(f"  {event['name']} ({event['state']}): {event['link']}")
    if offers:
        out(f"  DeepDojo itself, without internet: {told['addresses'][0]}/install")
    out(f"Your own token for the pages: {told['token_file']}")
    if told["missing"]:
        err("note: the sandbox is not whole, so nobody's code is run here:")
        for sentence in told["missing"]:
            err(f"  {sentence}")
    if told["events"]:
        link, here = told["events"][0]["link"], told["addresses"][0]
        if proxy is not None:
            out(f"The room asks the proxy: {proxy} in the place of {here}")
            link = proxy + link.removeprefix(here)
        next_step(f"dojo join '{link}' --as NAME", "on another machine")
    else:
        next_step("dojo host PROJECT", "there is no event yet")
    import sys

    sys.stdout.flush()
