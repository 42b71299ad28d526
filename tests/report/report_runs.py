"""Made run folders to draw reports of: the files of a run, and the runs with images."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import tomlkit

Json = dict[str, Any]
HOSTILE = (
    "</td><script>alert('x')</script><img src=\"http://evil.example/a.png\" onerror=alert(1)> & 'quoted' \"label\""
)


def png(pixels: np.ndarray) -> str:
    """uint8 (Y, X) or (Y, X, 3) as a data address."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def parquet(path: Path, rows: Sequence[Json], types: dict[str, str]) -> None:
    """Rows as Parquet with the column types of a run folder."""
    lines = path.with_suffix(".tmp")
    lines.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    columns = "{" + ", ".join(f"'{name}': '{kind}'" for name, kind in types.items()) + "}"
    with duckdb.connect() as database:
        database.execute(
            f"COPY (SELECT * FROM read_json('{lines}', format='newline_delimited', columns={columns})) "
            f"TO '{path}' (FORMAT parquet)"
        )
    lines.unlink()


def dump(folder: Path, name: str, value: Any) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


def run_toml(folder: Path, **values: Any) -> None:
    base = {
        "id": folder.name,
        "project_path": "",
        "seed": 0,
        "created": "2026-11-24T06:40:00Z",
        "version": "0.1.0",
        "stopped": "patience",
        "epochs": 12,
        "best_epoch": 9,
        "steps": 348,
        "chosen": {"model": "cnn: images of 8 × 8 pixels and fewer than 20 classes", "batch": "64: fits 1,178 rows"},
        "train": {"lr": 0.003, "epochs": 20, "batch_size": 64},
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.toml").write_text(tomlkit.dumps({**base, **values}), encoding="utf-8")


def curve(
    folder: Path,
    metric: str,
    epochs: int,
    *,
    best: int,
    start: float,
    end: float,
    losses: tuple[float, float],
    seed: int = 0,
) -> None:
    """metrics.jsonl with steps and epochs that fall like real ones."""
    rng = np.random.default_rng(seed)
    lines, step = [], 0
    for epoch in range(1, epochs + 1):
        fallen = np.exp(-3 * epoch / max(4, epochs))
        for i in range(10):
            step += 1
            loss = losses[1] + (losses[0] - losses[1]) * np.exp(-3 * (epoch - 1 + i / 10) / max(4, epochs))
            lines.append(
                {
                    "kind": "step",
                    "step": step,
                    "epoch": epoch,
                    "loss": loss * rng.uniform(0.8, 1.25),
                    "lr": 1e-3,
                    "seconds": step / 50,
                }
            )
        held = losses[1] * 1.3 + (losses[0] - losses[1]) * fallen + 0.012 * losses[0] * max(0, epoch - best)
        value = end + (start - end) * fallen + rng.normal(0, abs(end - start) / 60)
        lines.append(
            {
                "kind": "epoch",
                "epoch": epoch,
                "step": step,
                "train_loss": losses[1] + (losses[0] - losses[1]) * fallen,
                "validation_loss": held,
                "validation": {metric: value},
                "seconds": step / 50,
                "best": epoch == best,
            }
        )
    (folder / "metrics.jsonl").write_text(
        "".join(json.dumps(line) + "\n" for line in lines) + '{"kind": "ep', encoding="utf-8"
    )


def cost(parameters: int = 28_938, seconds: float = 18.4) -> Json:
    return {
        "parameters": parameters,
        "train_flops": 412_000_000_000,
        "forward_flops": 1_160_000,
        "seconds": seconds,
        "train_seconds": seconds * 0.4,
        "peak_bytes": 412_000_000,
        "inference_ms": 0.081,
    }


def floor(
    name: str, title: str, score: float, half: float, better: str, difference: float, p: float, seconds: float = 0.4
) -> Json:
    return {
        "name": name,
        "title": title,
        "score": score,
        "low": score - half,
        "high": score + half,
        "better": better,
        "difference": difference,
        "difference_low": difference - half * 1.1,
        "difference_high": difference + half * 1.1,
        "p": p,
        "seconds": seconds,
        "run": f"baseline-{name}-1a2b3c4d",
    }


def data(rows: tuple[int, int, int], classes: list[str] | None, check: list[Json] | None, rejected: int = 0) -> Json:
    return {
        "files": {"digits.csv.gz": "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22"},
        "rows": dict(zip(("train", "validation", "test"), rows, strict=True)),
        "share": 1.0,
        "classes": classes,
        "check": check,
        "rejected": rejected,
    }


ENVIRONMENT = {
    "deepdojo": "0.1.0",
    "python": "3.11.7",
    "platform": "Linux-6.1-x86_64",
    "cores": 2,
    "threads": 2,
    "device": "cpu",
    "packages": {"torch": "2.13.0", "numpy": "2.4.6"},
}
CHECKS = [
    {
        "kind": "duplicates",
        "where": "rows 17 and 804",
        "what": "3 images occur twice in the training rows",
        "todo": "leave one of each out",
        "level": "note",
    },
    {
        "kind": "leak",
        "where": "column 'ticket'",
        "what": "This column alone predicts the target in 98 % of rows",
        "todo": "add it to [columns] drop",
        "level": "error",
    },
    {"kind": "gaps", "where": "column 'age'", "what": "20 % of cells are empty", "todo": "", "level": "warning"},
]


def summary(n: int = 20, gaps: tuple[float, float] = (1.54, 0.92), unit: float = 1.0) -> list[Json]:
    spread = {"random_gap": 0.03 * unit, "random_low": -0.21 * unit, "random_high": 0.26 * unit, "n": n}
    return [
        {
            "method": "occlusion",
            "title": "occlusion",
            "gap": gaps[0],
            "low": gaps[0] - 0.6 * unit,
            "high": gaps[0] + 0.7 * unit,
            "passes": 1280,
            "seconds": 0.8,
            **spread,
        },
        {
            "method": "integrated_gradients",
            "title": "integrated gradients",
            "gap": gaps[1],
            "low": gaps[1] - 0.7 * unit,
            "high": gaps[1] + 0.6 * unit,
            "passes": 640,
            "seconds": 0.5,
            **spread,
        },
    ]


def digits(folder: Path) -> Path:
    """Images: scikit-learn's digits, probabilities from the distance to class means."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    rng = np.random.default_rng(1)
    chosen = rng.permutation(len(bunch.images))[:477]
    means = np.stack([bunch.data[bunch.target == k].mean(0) for k in range(10)])
    distance = ((bunch.data[chosen][:, None] - means) ** 2).sum(-1)
    logits = -distance / 90 + rng.normal(0, 0.8, distance.shape)
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    truth, guess = bunch.target[chosen], p.argmax(1)
    loss = -np.log(p[np.arange(len(p)), truth] + 1e-12)
    ids = [str(i) for i in chosen]
    right = float((truth == guess).mean())
    run_toml(
        folder,
        project="digits",
        task="image-classification",
        metric="accuracy",
        recipe="cnn",
        model="cnn",
        command="dojo train digits --seed 0",
    )
    parquet(
        folder / "rows.parquet",
        [
            {"id": i, "label": str(t), "loss": float(v), "influence": -float(v), "group": None}
            for i, t, v in zip(ids, truth, loss, strict=True)
        ],
        {"id": "VARCHAR", "label": "VARCHAR", "loss": "DOUBLE", "influence": "DOUBLE", "group": "BIGINT"},
    )
    parquet(
        folder / "predictions.parquet",
        [
            {"id": i, "label": str(g), "probabilities": {str(k): float(v) for k, v in enumerate(row)}}
            for i, g, row in zip(ids, guess, p, strict=True)
        ],
        {"id": "VARCHAR", "label": "VARCHAR", "probabilities": "MAP(VARCHAR, DOUBLE)"},
    )
    curve(folder, "accuracy", 12, best=9, start=0.4, end=right, losses=(2.3, 0.05))
    dump(folder, "environment.json", ENVIRONMENT)
    dump(folder, "data.json", data((1178, 142, 477), [str(k) for k in range(10)], CHECKS[:1]))
    dump(
        folder,
        "score.json",
        {
            "metric": "accuracy",
            "value": right,
            "low": right - 0.021,
            "high": right + 0.014,
            "n": 477,
            "higher_is_better": True,
            "interval": "wilson",
            "digest": "5f2e",
            "groups": False,
            "others": {
                "macro_f1": {"value": right - 0.001, "low": right - 0.022, "high": right + 0.013},
                "log_loss": {"value": 0.21, "low": 0.17, "high": 0.26},
                "ece": {"value": 0.021, "low": 0.012, "high": 0.034},
            },
            "validation": {"value": 0.965, "low": 0.92, "high": 0.985, "n": 142},
            "cost": cost(),
            "baselines": [
                floor("logistic", "logistic regression on pixels", right - 0.031, 0.021, "network", 0.031, 0.004),
                floor("majority", "majority class", 0.101, 0.027, "network", right - 0.101, 1e-9, 0.01),
            ],
            "published": [
                {
                    "model": "k nearest neighbours",
                    "score": 0.978,
                    "source": "https://archive.ics.uci.edu/dataset/80",
                    "note": "k = 3, UCI split",
                    "protocol": "context",
                }
            ],
            "data_share": 1.0,
            "replaced": {},
        },
    )
    order = np.argsort(-loss)
    good = np.argsort(loss)
    examples, items = [], []
    for rank, i in enumerate([*order[:16], *good[:4]]):
        top = [[str(k), float(p[i, k])] for k in np.argsort(-p[i])[:3]]
        hit = bool(guess[i] == truth[i])
        examples.append(
            {
                "id": ids[i],
                "kind": "image",
                "image": png((bunch.images[chosen[i]] * 15.9).astype(np.uint8)),
                "truth": str(truth[i]),
                "predicted": str(guess[i]),
                "top": top,
                "loss": float(loss[i]),
                "where": f"digits.csv.gz:{chosen[i] + 1}",
                "why": (["worst"] if rank < 16 else []) + ["right" if hit else "wrong"],
            }
        )
        if rank in (0, 1, 2, 3, 16, 17, 18, 19):
            boxes = [[y, x, y + 2, x + 2] for y in range(0, 8, 2) for x in range(0, 8, 2)]
            patch = bunch.images[chosen[i]].reshape(4, 2, 4, 2).mean((1, 3)).ravel() / 16
            pixels = [[y, x, y + 1, x + 1] for y in range(8) for x in range(8)]
            items.append(
                {
                    "id": ids[i],
                    "method": "occlusion",
                    "kind": "image",
                    "pieces": boxes,
                    "size": [8, 8],
                    "scores": (patch * 2 - 0.6 + rng.normal(0, 0.3, 16)).tolist(),
                    "evidence": -float(loss[i]),
                }
            )
            items.append(
                {
                    "id": ids[i],
                    "method": "integrated_gradients",
                    "kind": "image",
                    "pieces": pixels,
                    "size": [8, 8],
                    "scores": (bunch.data[chosen[i]] / 16 * rng.normal(0.2, 0.6, 64)).tolist(),
                    "evidence": -float(loss[i]),
                }
            )
    dump(folder, "examples.json", examples)
    dump(folder, "explanations/index.json", {"rows_n": 20, "summary": summary(), "items": items})
    return folder


def photos(folder: Path, images: int = 50, side: int = 256) -> Path:
    """Fifty coloured pictures: for the size of the page."""
    digits(folder)
    rng = np.random.default_rng(3)
    ramp = np.linspace(0, 1, side)
    examples, items = [], []
    for i in range(images):
        phase = rng.uniform(0, 6, 3)
        wave = np.stack([np.sin(9 * ramp[:, None] + a) * np.cos(7 * ramp[None] * a) for a in phase], -1)
        picture = np.clip(127 + 90 * wave + rng.normal(0, 12, (side, side, 3)), 0, 255).astype(np.uint8)
        examples.append(
            {
                "id": f"p{i}",
                "kind": "image",
                "image": png(picture),
                "truth": "tabby cat",
                "predicted": "lynx",
                "top": [["lynx", 0.7], ["tabby cat", 0.2]],
                "loss": 5 - i / 20,
                "why": ["worst", "wrong"] if i < 30 else ["right"],
                "where": f"photos/{i}.jpg",
            }
        )
        if i % 3 == 0:
            boxes = [[y, x, y + 4, x + 4] for y in range(0, 64, 4) for x in range(0, 64, 4)]
            fine = [[y, x, y + 1, x + 1] for y in range(64) for x in range(64)]
            items.append(
                {
                    "id": f"p{i}",
                    "method": "occlusion",
                    "kind": "image",
                    "pieces": boxes,
                    "size": [64, 64],
                    "scores": rng.normal(0, 1, 256).tolist(),
                    "evidence": -1.0,
                }
            )
            items.append(
                {
                    "id": f"p{i}",
                    "method": "integrated_gradients",
                    "kind": "image",
                    "pieces": fine,
                    "size": [64, 64],
                    "scores": rng.normal(0, 1, 4096).tolist(),
                    "evidence": -1.0,
                }
            )
    dump(folder, "examples.json", examples)
    dump(folder, "explanations/index.json", {"rows_n": 20, "summary": summary(), "items": items})
    return folder
