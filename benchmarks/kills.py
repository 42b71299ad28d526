"""kill -9 of the web process, of workers and of their scoring processes under load: how much is lost, how much doubled.

    python benchmarks/competition.py --only kills --kills 1000      # PostgreSQL where it is installed, then SQLite
    python benchmarks/kills.py --kills 100 --only sqlite

Four clients send tables all the time and repeat what was not answered, with the same idempotency key. Every 0.8 s on
average one of three processes is killed and started anew. In the end the clients' own lists are compared with the
database, and the board with one computed from nothing. That is `tests/competition/faults/under_fire.py`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.competition.databases import postgresql, programs
from tests.competition.faults.processes import site
from tests.competition.faults.under_fire import Toll, under_fire

STORES = ("postgresql", "sqlite")


def of_one(store: str, kills: int, seed: int) -> Toll | None:
    """The toll on one kind of database; None where it is not installed."""
    if store == "postgresql" and programs() is None:
        return None
    with tempfile.TemporaryDirectory(prefix="dojo-kills-") as folder:
        place = Path(folder)

        def at(address: str) -> Toll:
            with site(address, place, n=300) as made:
                return under_fire(made, kills, seed=seed, said=lambda n: print(f"{store}: {n} kills", flush=True))

        if store == "sqlite":
            return at(str(place / "server.sqlite"))
        with postgresql() as server:
            return at(server.fresh())


def table(kills: int, stores: Sequence[str] = STORES, seed: int = 0) -> bool:
    """Print one line for each database; whether nothing was lost, doubled or different."""
    print("| database | killed | acknowledged | repeated | leased again | lost | doubled | unscored | audit | s |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    clean = True
    for store in stores:
        begun = time.monotonic()
        toll = of_one(store, kills, seed)
        if toll is None:
            print(f"| {store} | not installed |")
            continue
        killed = ", ".join(f"{many} × {what}" for what, many in sorted(toll.kills.items()))
        audit = "equal" if not toll.different else f"{len(toll.different)} differences"
        cells = [store, killed, f"{toll.acknowledged:,}", f"{toll.repeated:,}", f"{toll.leased_again:,}", toll.lost,
                 toll.doubled, toll.unscored, audit, f"{time.monotonic() - begun:,.0f}"]  # fmt: skip
        print(f"| {' | '.join(map(str, cells))} |", flush=True)
        for line in [*toll.odd, *toll.different][:20]:
            print(f"{store}: {line}", flush=True)
        clean = clean and toll.clean
    return clean


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--only", choices=STORES)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    return 0 if table(given.kills, [given.only] if given.only else STORES, given.seed) else 1


if __name__ == "__main__":
    sys.exit(main())
