"""`dojo join`: take part in an event, and have its data as a project."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

from deepdojo.cli.asking import typed_secret
from deepdojo.cli.options import Json, option
from deepdojo.cli.output import err, next_step, out, print_json, quoted, styled
from deepdojo.cli.words import metric_name

__all__ = ["join"]


def join(
    link: Annotated[str, option("The link that the host gave, in quotation marks.", "Arguments")],
    folder: Annotated[Path | None, option("Made for the data; default: the event's name.", "Arguments")] = None,
    /,
    *,
    as_: Annotated[str | None, option("How the board shall call you.", name="--as")] = None,
    invite: Annotated[str | None, option("A team's invitation, to go into it.", dash=True)] = None,
    token: Annotated[str | None, option("A token that you have, or - to be asked for it.", dash=True)] = None,
    json: Json = False,
) -> None:
    """Take part in a competition: its data as a project.

    dojo join 'http://room:8000/reviews?code=…' --as ada
    dojo join 'http://room:8000/reviews?code=…' --as bob here/
    dojo join http://room:8000/reviews --invite CODE    into a team
    dojo join http://room:8000/reviews --token -    you have one already
    """
    from deepdojo import api
    from deepdojo.cli.terminal import TerminalListener

    listener = TerminalListener()
    try:
        given = typed_secret("Token: ") if token == "-" else token
        done = api.join(link, as_, folder, invite=invite, token=given, listener=listener)
    finally:
        listener.finish()
    if json:
        print_json(done)
        return
    rules = done["rules"]
    metric = str(rules.get("metric"))
    judged = metric.removeprefix("python:") if metric.startswith("python:") else metric_name(metric)
    part = "take part" if done["role"] == "entrant" else f"look on ({done['role']})"
    out(f"{styled(str(done['title']), 'bold')}: you {part} as {styled(done['name'], 'bold')}, judged by {judged}")
    end = rules.get("ends")
    when = "no end is set" if end is None else f"ends {datetime.fromtimestamp(end).astimezone():%Y-%m-%d %H:%M %Z}"
    out(f"{rules.get('per_day')} scored submissions a day; {when}")
    if rules.get("lesson"):
        out(f"You send your solution of {rules['lesson']}, which the host grades: see README.md")
    elif rules.get("code"):
        out("You send a program, which predicts hidden rows: see README.md of the data")
    if rules.get("practice") and not rules.get("lesson"):
        err("note: this is for practice: the data are public, so the answers can be found")
    if rules.get("team_size", 1) > 1 and done["team"] is not None:
        full = len(done["members"]) >= rules["team_size"]
        more = "it is full" if full else f"others join it with --invite {done['invite']}"
        out(f"Team {done['team']}: {', '.join(done['members'])}; {more}")
    out(f"Data: {done['folder']}" + ("" if done["fetched"] else " (was there already)"))
    place = Path(done["folder"])
    shown = place.name if place.parent == Path.cwd() else place
    if done["role"] == "entrant" and rules.get("lesson"):
        stub = Path(shown) / f"{str(rules['lesson']).replace('-', '_')}.py"
        next_step(f"dojo submit {quoted(stub)} {done['address']} --wait", "when you have written it there")
    elif done["role"] == "entrant":
        next_step(f"dojo train {quoted(shown)}", f"then dojo submit last {done['address']}")
    else:
        next_step(f"dojo board {done['address']} --watch")
