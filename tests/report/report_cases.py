"""Made runs of text, tables and regression."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from report_runs import CHECKS, ENVIRONMENT, HOSTILE, cost, curve, data, dump, floor, parquet, run_toml, summary

POSITIVE = "房间很干净，服务员态度非常好，早餐丰富，下次还会再来。"
NEGATIVE = "位置偏僻，隔音太差，半夜被吵醒三次，前台爱理不理，再也不来了！"


def reviews(folder: Path) -> Path:
    """Text, Chinese and English, one very long; the floor is better than the network."""
    rng = np.random.default_rng(2)
    n, classes = 900, ["好评", "差评"]
    truth = rng.integers(0, 2, n)
    sure = rng.beta(5, 1.6, n)
    guess = np.where(rng.random(n) < sure * 0.9, truth, 1 - truth)
    p = np.clip(0.5 + sure / 2, 0.5, 0.999)
    right = float((truth == guess).mean())
    run_toml(
        folder,
        project="酒店评论",
        project_path="/home/小李/我的 项目/酒店评论",
        task="text-classification",
        metric="accuracy",
        recipe="text_cnn",
        model="text_cnn",
        command="dojo train '我的 项目/酒店评论' -r text_cnn --seed 3 --budget 10m",
        stopped="budget",
        epochs=5,
        best_epoch=3,
    )
    parquet(
        folder / "rows.parquet",
        [{"id": str(i), "label": classes[t], "loss": 0.5} for i, t in enumerate(truth)],
        {"id": "VARCHAR", "label": "VARCHAR", "loss": "DOUBLE"},
    )
    parquet(
        folder / "predictions.parquet",
        [
            {"id": str(i), "label": classes[g], "probabilities": {classes[g]: v, classes[1 - g]: 1 - v}}
            for i, (g, v) in enumerate(zip(guess, p, strict=True))
        ],
        {"id": "VARCHAR", "label": "VARCHAR", "probabilities": "MAP(VARCHAR, DOUBLE)"},
    )
    curve(folder, "accuracy", 5, best=3, start=0.5, end=right, losses=(0.69, 0.2))
    dump(folder, "environment.json", ENVIRONMENT)
    dump(folder, "data.json", data((6300, 700, 900), classes, CHECKS, rejected=12))
    dump(
        folder,
        "score.json",
        {
            "metric": "accuracy",
            "value": right,
            "low": right - 0.028,
            "high": right + 0.026,
            "n": n,
            "higher_is_better": True,
            "interval": "wilson",
            "others": {"roc_auc": {"value": 0.85, "low": 0.82, "high": 0.88}},
            "validation": {"value": 0.78, "low": 0.75, "high": 0.81, "n": 700},
            "cost": cost(1_204_002, 372.0),
            "baselines": [
                floor(
                    "nbsvm",
                    "linear on words and characters, NB-weighted",
                    right + 0.041,
                    0.024,
                    "baseline",
                    -0.041,
                    0.002,
                    6.3,
                ),
                floor(
                    "tfidf_logistic", "TF-IDF and logistic regression", right + 0.008, 0.025, "tie", -0.008, 0.47, 3.1
                ),
                floor("majority", "majority class", 0.512, 0.033, "network", right - 0.512, 1e-12, 0.01),
            ],
            "data_share": 0.5,
            "replaced": {"Conv1d": 3},
        },
    )
    english = "The plot , such as it is , never finds its feet but the lead is wonderful to watch ."
    long = (
        "This film is long . " * 400
        + "But the ending is absolutely brilliant . "
        + "And then it goes on for a while . " * 300
    )
    texts = [
        (POSITIVE, "差评", "好评"),
        (NEGATIVE, "差评", "差评"),
        (english, "好评", "差评"),
        (long, "好评", "差评"),
        (HOSTILE, "差评", "好评"),
        ("", "好评", "差评"),
    ]
    examples, items = [], []
    for i, (text, t, g) in enumerate(texts):
        pieces = list(text) if ord((text or "x")[0]) > 0x2E80 else text.split()
        scores = rng.normal(0, 0.25, len(pieces))
        for j in rng.integers(0, max(1, len(pieces)), min(3, len(pieces))):
            scores[j] = rng.choice([-1.0, 1.0]) * rng.uniform(0.7, 1.6)
        if len(pieces) > 1000:
            scores *= 0.05
            scores[pieces.index("brilliant")] = 1.4
        examples.append(
            {
                "id": f"t{i}",
                "kind": "text",
                "text": text,
                "truth": t,
                "predicted": g,
                "top": [[g, 0.91], ["好评" if g == "差评" else "差评", 0.09]],
                "loss": 2.4 - i / 5,
                "why": ["right"] if t == g else ["worst", "wrong"],
                "where": f"评论.csv:{i * 31 + 2}",
            }
        )
        if pieces:
            items.append(
                {
                    "id": f"t{i}",
                    "method": "occlusion",
                    "kind": "text",
                    "pieces": pieces,
                    "scores": scores.tolist(),
                    "evidence": -1.0,
                }
            )
            items.append(
                {
                    "id": f"t{i}",
                    "method": "integrated_gradients",
                    "kind": "text",
                    "pieces": pieces,
                    "scores": (scores * rng.uniform(0.4, 1, len(pieces))).tolist(),
                    "evidence": -1.0,
                }
            )
    dump(folder, "examples.json", examples)
    noisy = summary(20, (0.62, 0.14))
    dump(folder, "explanations/index.json", {"rows_n": 20, "summary": noisy, "items": items})
    return folder


def passengers(folder: Path) -> Path:
    """A table, two classes, a tie with the floor."""
    rng = np.random.default_rng(4)
    n = 178
    truth = rng.integers(0, 2, n)
    p = np.clip(np.where(truth == 1, rng.beta(4, 2, n), rng.beta(2, 4, n)), 0.01, 0.99)
    guess = (p > 0.5).astype(int)
    right = float((truth == guess).mean())
    run_toml(
        folder,
        project="titanic",
        task="tabular-classification",
        metric="accuracy",
        recipe="mlp",
        model="mlp",
        command="dojo train titanic -r mlp",
        epochs=30,
        best_epoch=11,
    )
    parquet(
        folder / "rows.parquet",
        [{"id": str(i), "label": str(t), "loss": 0.5} for i, t in enumerate(truth)],
        {"id": "VARCHAR", "label": "VARCHAR", "loss": "DOUBLE"},
    )
    parquet(
        folder / "predictions.parquet",
        [
            {"id": str(i), "label": str(g), "probabilities": {"1": float(v), "0": float(1 - v)}}
            for i, (g, v) in enumerate(zip(guess, p, strict=True))
        ],
        {"id": "VARCHAR", "label": "VARCHAR", "probabilities": "MAP(VARCHAR, DOUBLE)"},
    )
    curve(folder, "accuracy", 30, best=11, start=0.6, end=right, losses=(0.69, 0.4))
    dump(folder, "environment.json", ENVIRONMENT)
    dump(folder, "data.json", data((641, 72, n), ["0", "1"], CHECKS[2:]))
    dump(
        folder,
        "score.json",
        {
            "metric": "accuracy",
            "value": right,
            "low": right - 0.07,
            "high": right + 0.055,
            "n": n,
            "higher_is_better": True,
            "interval": "wilson",
            "cost": {**cost(3_201, 6.1), "train_flops": None},
            "baselines": [
                floor("boosting", "gradient boosting", right - 0.011, 0.06, "tie", 0.011, 0.83, 1.2),
                floor("majority", "majority class", 0.61, 0.07, "network", right - 0.61, 1e-5, 0.01),
            ],
        },
    )
    columns = [
        "Pclass",
        "Sex",
        "Age",
        "SibSp",
        "Parch",
        "Fare",
        "Cabin",
        "Embarked",
        "Title",
        "Deck",
        "Family size",
        "Ticket prefix",
    ]
    values = ["3", "male", None, "0", "0", "7.8958", None, "S", "Mr", "U", "1", "A/5"]
    examples, items = [], []
    for i in range(8):
        examples.append(
            {
                "id": str(i),
                "kind": "record",
                "record": dict(zip(columns, values, strict=True)),
                "truth": "1" if i < 6 else "0",
                "predicted": "0",
                "top": [["0", 0.93], ["1", 0.07]],
                "loss": 2.7 - i / 9,
                "why": ["worst", "wrong"] if i < 6 else ["right"],
                "where": f"train.csv:{i * 13 + 2}",
            }
        )
        for method in ("occlusion", "integrated_gradients"):
            items.append(
                {
                    "id": str(i),
                    "method": method,
                    "kind": "record",
                    "pieces": columns,
                    "scores": rng.normal(0, 1, len(columns)).tolist(),
                    "evidence": -0.1,
                }
            )
    dump(folder, "examples.json", examples)
    dump(folder, "explanations/index.json", {"rows_n": 20, "summary": summary(20, (1.1, 1.4)), "items": items})
    return folder


def progression(folder: Path) -> Path:
    """Regression."""
    rng = np.random.default_rng(5)
    n = 1200
    truth = rng.gamma(4, 38, n)
    predicted = 60 + 0.6 * truth + rng.normal(0, 42, n)
    rmse = float(np.sqrt(np.mean((truth - predicted) ** 2)))
    run_toml(
        folder,
        project="diabetes-progression",
        task="tabular-regression",
        metric="rmse",
        recipe="mlp",
        model="mlp",
        command="dojo train diabetes-progression",
        epochs=40,
        best_epoch=31,
    )
    kinds = {"id": "VARCHAR", "value": "DOUBLE"}
    parquet(
        folder / "rows.parquet",
        [{"id": str(i), "value": v, "loss": 1.0} for i, v in enumerate(truth)],
        {**kinds, "loss": "DOUBLE"},
    )
    parquet(folder / "predictions.parquet", [{"id": str(i), "value": v} for i, v in enumerate(predicted)], kinds)
    curve(folder, "rmse", 40, best=31, start=rmse * 1.7, end=rmse, losses=(1.4, 0.5))
    dump(folder, "environment.json", ENVIRONMENT)
    dump(folder, "data.json", data((3300, 300, n), None, []))
    dump(
        folder,
        "score.json",
        {
            "metric": "rmse",
            "value": rmse,
            "low": rmse - 2.3,
            "high": rmse + 2.6,
            "n": n,
            "higher_is_better": False,
            "interval": "bootstrap",
            "others": {
                "mae": {"value": 43.2, "low": 41.3, "high": 45.0},
                "r2": {"value": 0.47, "low": 0.43, "high": 0.51},
            },
            "cost": cost(2_113, 8.0),
            "validation": {"value": rmse * 1.02, "low": rmse - 6, "high": rmse + 7, "n": 300},
            "baselines": [
                floor("linear", "linear regression (ridge)", rmse + 1.1, 2.4, "tie", -1.1, 0.34),
                floor("mean", "mean", 77.0, 3.1, "network", rmse - 77, 1e-9),
            ],
        },
    )
    worst = np.argsort(-abs(truth - predicted))[:6]
    record = {name: f"{rng.normal():.4f}" for name in ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")}
    examples = [
        {
            "id": str(i),
            "kind": "record",
            "record": record,
            "truth": float(truth[i]),
            "predicted": float(predicted[i]),
            "top": None,
            "loss": float((truth[i] - predicted[i]) ** 2),
            "why": ["worst", "wrong"],
            "where": f"diabetes.csv.gz:{i + 1}",
        }
        for i in worst
    ]
    items = [
        {
            "id": str(i),
            "method": "occlusion",
            "kind": "record",
            "pieces": list(record),
            "scores": rng.normal(0, 300, 10).tolist(),
            "evidence": -4.0,
        }
        for i in worst[:2]
    ]
    dump(folder, "examples.json", examples)
    dump(
        folder,
        "explanations/index.json",
        {"rows_n": 20, "summary": summary(20, (812.0, 640.0), 400.0)[:1], "items": items},
    )
    return folder


def verses(folder: Path) -> Path:
    """A language model: tinted passages, one of them hostile, and texts that it wrote."""
    run_toml(
        folder, project="shakespeare", task="language-modelling", metric="nats_per_character", recipe="decoder",
        model="decoder", command="dojo train shakespeare", stopped="steps", epochs=2, best_epoch=2,
    )  # fmt: skip
    curve(folder, "nats_per_character", 2, best=2, start=2.1, end=1.7, losses=(2.4, 1.6))
    dump(folder, "environment.json", ENVIRONMENT)
    dump(folder, "data.json", data((968, 57, 114), None, []))
    dump(
        folder,
        "score.json",
        {
            "metric": "nats_per_character", "value": 1.651, "low": 1.632, "high": 1.668, "n": 114,
            "higher_is_better": False, "interval": "bootstrap", "cost": cost(804_096, 90.0),
            "baselines": [
                floor("five_gram", "5-gram of counts", 1.671, 0.02, "network", -0.02, 0.01, 1.1),
                floor("uniform", "every symbol alike", 4.19, 0.0, "network", -2.5, 1e-9, 0.1),
            ],
        },
    )  # fmt: skip
    rng = np.random.default_rng(7)
    text = (
        "KATHARINA:\nI see a woman may be made a fool,\nIf she had not a spirit to resist.\n\n"
        "PETRUCHIO:\nThey shall go forward, Kate, at thy command.\nObey the bride, you that attend on her;\n"
    ) * 3
    pieces = [[sign, float(nats)] for sign, nats in zip(text, rng.exponential(1.4, len(text)), strict=True)]
    hostile = [[HOSTILE, 7.0], ["\n", 4.0], ["\u6f22\u5b57", 0.1], ["x" * 300, 6.0]]
    passage = {"kind": "passage", "where": "input.txt:36313", "loss": 1.64}
    dump(folder, "examples.json", [
        {**passage, "id": "57", "why": ["typical"], "pieces": pieces},
        {**passage, "id": "3", "why": ["costly"], "where": HOSTILE, "pieces": hostile},
        {**passage, "id": "9", "why": ["cheap"], "loss": 1.2, "pieces": pieces[:200]},
    ])  # fmt: skip
    dump(folder, "samples.json", [
        {"prompt": "", "temperature": t, "seed": 0, "text": f"\nROMEO:\nThe {HOSTILE} of my good lord,\n" * 3}
        for t in (0.5, 0.8, 1.0)
    ])  # fmt: skip
    return folder
