"""Leave-one-method-out: how well a detector finds a kind of pseudo-fake that it never saw, for each kind in turn."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.errors import ConfigError
from core.training import heldout, metrics
from core.training.config import TrainConfig
from core.training.prepare import Prepared
from core.training.validation import ValidationSet

log = logging.getLogger(__name__)
ROUNDS = 1000


def without(config: TrainConfig, method: str, epochs: int | None = None) -> TrainConfig:
    """``config`` that never meets ``method``: not among its fakes, and not through teachers that know it.

    Args:
        epochs: a shorter run, then with one cosine period.

    Raises:
        ConfigError: the method is not among the fakes, it is the only one, or the network begins with weights that may
            have met it.
    """
    if config.model.start == "checkpoint":
        raise ConfigError(
            f"{config.id} begins with {config.model.start_file}, which was trained with all methods.",
            hint="Leave methods out of the training that made that file.",
        )
    rest = {name: odds for name, odds in config.fakes.items() if name != method}
    if method not in config.fakes or not rest:
        raise ConfigError(
            f"'{method}' cannot be left out of {config.id}.", hint=f"It is trained on {', '.join(config.fakes)}."
        )
    optim: dict[str, Any] = {"distil": 0.0}
    data: dict[str, Any] = {}
    if epochs is not None:
        steps = epochs * max(1, config.optim.pairs_per_epoch // config.optim.pairs_per_batch)
        optim |= {"epochs": epochs, "restart_epochs": 0, "warmup_steps": min(config.optim.warmup_steps, steps // 5)}
        # Pairs that are met once need not be kept.
        data = {"bank_epochs": config.data.bank_epochs if epochs > config.data.bank_epochs else 0}
    return config.model_copy(
        update={
            "fakes": rest,
            "optim": config.optim.model_copy(update=optim),
            "data": config.data.model_copy(update=data),
            "model": config.model.model_copy(update={"teachers": ()}),
        }
    )


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done. ``methods`` are left out in turn; ``epochs`` None trains as long as ``config`` says."""

    config: TrainConfig
    methods: tuple[str, ...]
    epochs: int | None
    command: str


def leave_one_out(plan: Plan, prepared: Prepared, folder: Path, document: Path) -> dict[str, Any]:
    """Train without each method and measure on it alone, on held-out people; returns what stands in ``document``.

    The JSON file is written after each method, and methods that stand in it for the same configuration are not
    trained again; a run that was interrupted goes on from its checkpoint.

    Args:
        folder: each run has its folder in it.
        document: ``<id>-leave-one-out.json``; the same with ``.md`` is written beside it.
    """
    facts = _known(document) | {"detector": plan.config.id, "command": plan.command}
    methods: dict[str, Any] = dict(facts.get("methods", {}))
    for method in plan.methods:
        config = without(plan.config, method, plan.epochs)
        if methods.get(method, {}).get("digest") == config.digest:
            log.info("%s: known", method)
            continue
        known = _pictures(plan.config, prepared, method)
        p = _trained(config, prepared, folder / method, known)
        shutil.rmtree(folder / "bank", ignore_errors=True)
        methods[method] = _measured(known, p) | {"epochs": config.optim.epochs, "digest": config.digest}
        facts |= {"identities": known.identity[::2].tolist(), "methods": methods}
        facts["mean"] = mean_auc(facts, sorted(plan.config.fakes))
        _write(document, facts)
        log.info("%s left out: AUC %.3f", method, methods[method]["auc"])
    return facts


def _known(document: Path) -> dict[str, Any]:
    if not document.is_file():
        return {}
    try:
        facts: dict[str, Any] = json.loads(document.read_text(encoding="utf-8"))
    except ValueError as exc:
        raise ConfigError(f"{document.name} is not readable JSON.", hint="Remove it to begin anew.") from exc
    return facts


def _pictures(config: TrainConfig, prepared: Prepared, method: str) -> ValidationSet:
    plain = heldout.neutral(config, config.input)
    return heldout.held_out_sets(prepared.validation, plain, [method])[method]


def _trained(config: TrainConfig, prepared: Prepared, folder: Path, known: ValidationSet) -> npt.NDArray[np.float64]:
    """P(fake) of ``known``, uncalibrated, by the network that ``config`` trains."""
    from safetensors.torch import load_file

    from core.fusion.calibration import sigmoid
    from core.training.model import build, logits, normalise
    from core.training.train import train

    net = build(config.model)
    net.load_state_dict(load_file(train(config, prepared, folder)), strict=True)
    return sigmoid(logits(net, known.pixels, partial(normalise, spec=config.input)))


def _measured(known: ValidationSet, p: npt.NDArray[np.float64]) -> dict[str, Any]:
    found = metrics.bootstrap(metrics.auc, known.fake, p, known.identity.tolist(), rounds=ROUNDS)
    values = {"auc": found.value, "low": found.low, "high": found.high}
    return {k: round(v, 4) for k, v in values.items()} | {"n": found.n, "p_fake": [round(v, 5) for v in p.tolist()]}


def mean_auc(facts: Mapping[str, Any], methods: Sequence[str]) -> dict[str, Any] | None:
    """Mean AUC over all ``methods`` with its 95 % bootstrap interval over persons; None where one is missing."""
    if any(m not in facts["methods"] for m in methods):
        return None
    p = np.array([facts["methods"][m]["p_fake"] for m in methods])
    who = np.repeat(np.array(facts["identities"]), 2)
    fake = np.tile([False, True], len(who) // 2)
    _, group = np.unique(who, return_inverse=True)
    members = [np.nonzero(group == g)[0] for g in range(int(group.max()) + 1)]
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(ROUNDS):
        index = np.concatenate([members[g] for g in rng.integers(len(members), size=len(members))])
        drawn.append(np.mean([metrics.auc(fake[index], row[index]) for row in p]))
    low, high = np.percentile(drawn, [2.5, 97.5])
    value = float(np.mean([metrics.auc(fake, row) for row in p]))
    return {"value": round(value, 4), "low": round(float(low), 4), "high": round(float(high), 4), "n": int(p.size)}


def _write(document: Path, facts: Mapping[str, Any]) -> None:
    document.parent.mkdir(parents=True, exist_ok=True)
    part = document.with_suffix(".part")
    part.write_text(json.dumps(facts) + "\n", encoding="utf-8")
    part.replace(document)
    document.with_suffix(".md").write_text(markdown(facts), encoding="utf-8")


def markdown(facts: Mapping[str, Any]) -> str:
    """A line for each method that was left out."""
    lines = [
        f"# `{facts['detector']}`: one pseudo-fake method left out",
        "",
        f"Printed by `{facts['command']}`.",
        "",
        "The configuration is trained without the method and measured on fakes of that method alone, made of people "
        "that it was not trained on. Intervals: 95 % bootstrap over persons.",
        "",
        "| left out | AUC | 95 % interval | n | epochs |",
        "|---|---|---|---|---|",
    ]
    for name, row in sorted(facts["methods"].items()):
        lines.append(
            f"| {name} | {row['auc']:.3f} | {row['low']:.3f} to {row['high']:.3f} | {row['n']} | {row['epochs']} |"
        )
    mean = facts.get("mean")
    if mean is None:
        return "\n".join([*lines, "", "Not all methods were left out yet, so there is no mean.", ""])
    return "\n".join(
        [*lines, f"| mean | {mean['value']:.3f} | {mean['low']:.3f} to {mean['high']:.3f} | {mean['n']} | |", ""]
    )
