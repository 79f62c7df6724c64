"""The trainer: one configuration in, a checkpoint, a history and the best averaged weights out."""

from __future__ import annotations

import copy
import hashlib
import json
import logging
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import cv2
import torch
from safetensors.torch import save_file
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset

from core.training import losses
from core.training.augment import augment
from core.training.config import TrainConfig
from core.training.data.crops import Crops
from core.training.data.kept import Kept
from core.training.data.pairs import Pairs
from core.training.data.seeded import PairData
from core.training.distil import softened
from core.training.export import describe
from core.training.model import Ema, Localiser, build, logits, mixed, normalise, start
from core.training.prepare import Prepared
from core.training.team import Team, together
from core.training.validation import ValidationSet, make_validation

log = logging.getLogger(__name__)


@dataclass
class Progress:
    """What has been done so far; goes into the checkpoint."""

    epoch: int = 0
    step: int = 0
    best_auc: float = 0.0
    best_epoch: int = -1
    history: list[dict[str, Any]] = field(default_factory=list)


def _worker(_: int) -> None:
    cv2.setNumThreads(0)
    torch.set_num_threads(1)


class Trainer:
    """Trains on ``pairs``, chooses by AUC on ``validation``; ``folder`` keeps everything it writes.

    An item of ``pairs`` is (pixels[2, ...] of a real and its fake, method, number), then optionally the map of what was
    changed and the teachers' logits float[2]. ``pairs.epoch`` is set before each epoch.
    """

    def __init__(
        self,
        config: TrainConfig,
        pairs: PairData,
        validation: ValidationSet,
        folder: Path,
        *,
        device: str = "auto",
        team: Team | None = None,
    ) -> None:
        torch.manual_seed(config.seed)
        self.team = team or Team()
        self.config = config
        self.folder = folder
        self.device = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
        self.pairs = pairs
        self.validation = validation
        self.net = self._network().to(self.device)
        self.ema = Ema(self.net, config.optim.ema)
        size = config.input.size
        self.learner = Localiser(self.net, size).to(self.device) if config.optim.map_weight else self.net
        self._forward = torch.compile(self.learner) if config.compile else self.learner
        self.optimiser = torch.optim.AdamW(_groups(self.learner, config.optim.weight_decay), lr=config.optim.lr)
        self.progress = Progress()
        folder.mkdir(parents=True, exist_ok=True)

    # --- what another kind of network or input changes ---------------------------------------------------------

    def _network(self) -> nn.Module:
        net = build(self.config.model)
        start(net, self.config.model)
        return net

    def _input(self, batch: torch.Tensor) -> torch.Tensor:
        """What the network is given for a batch of items."""
        return normalise(batch, self.config.input)

    # --- state ---------------------------------------------------------------------------------------------------

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint.pt"

    def save(self) -> None:
        """Write the checkpoint so that a crash never leaves half of one."""
        state = {
            "digest": self.config.digest,
            "learner": self.learner.state_dict(),
            "ema": self.ema.net.state_dict(),
            "ema_steps": self.ema.steps,
            "optimiser": self.optimiser.state_dict(),
            "progress": json.dumps(vars(self.progress)),
        }
        part = self.checkpoint.with_suffix(".part")
        torch.save(state, part)
        part.replace(self.checkpoint)
        self._write("last")
        self._write_history(self.progress.history)

    def _write_history(self, history: list[dict[str, Any]]) -> None:
        (self.folder / "history.json").write_text(json.dumps(history, indent=1) + "\n", encoding="utf-8")

    def resume(self) -> bool:
        """Go on from the checkpoint if it belongs to this configuration."""
        if not self.checkpoint.is_file():
            return False
        state = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
        if state["digest"] != self.config.digest:
            log.warning("the checkpoint in %s belongs to another configuration: starting anew", self.folder)
            return False
        self.learner.load_state_dict(state["learner"])
        self.ema.net.load_state_dict(state["ema"])
        self.ema.steps = state["ema_steps"]
        self.optimiser.load_state_dict(state["optimiser"])
        self.progress = Progress(**json.loads(state["progress"]))
        log.info("resumed after epoch %d", self.progress.epoch)
        return True

    # --- training ------------------------------------------------------------------------------------------------

    def run(self) -> Path:
        """Train to the end or until nothing gets better; returns the file with the best averaged weights, or with the
        last ones mixed with those that it began with where the configuration keeps some of them."""
        cfg = self.config.optim
        while self.progress.epoch < cfg.epochs:
            if self.progress.epoch - self.progress.best_epoch > cfg.patience:
                log.info("no better validation for %d epochs: stopped", cfg.patience)
                break
            self._epoch()
            if self.team.leads:
                self.save()
            self.team.wait()
        if cfg.keep_start and self.team.leads:
            self._mix()
        return self.folder / "best.safetensors"

    def _mix(self) -> None:
        """Make the last weights, mixed with the first, the best ones; the last line of the history is about them."""
        share, first = self.config.optim.keep_start, Path(cast(str, self.config.model.start_file))
        weights = mixed(first, self.folder / "last.safetensors", share)
        self._write("best", weights)
        net = copy.deepcopy(self.ema.net)
        net.load_state_dict(weights)
        report = self.validation.report(logits(net, self.validation.pixels, self._input))
        facts = {"epoch": self.progress.epoch - 1, "kept_of_start": share, **report}
        log.info("mixed with the weights it began with: %s", json.dumps(facts))
        self._write_history([*self.progress.history, facts])

    def _loader(self) -> DataLoader[Any]:
        self.pairs.epoch = self.progress.epoch
        data = self.config.data
        per_batch = self.config.optim.pairs_per_batch
        whole = len(self.pairs) // per_batch * per_batch
        mine = range(self.team.rank, whole, self.team.size)
        return DataLoader(
            Subset(cast(Dataset[Any], self.pairs), mine),
            batch_size=per_batch // self.team.size,
            shuffle=False,
            drop_last=True,
            num_workers=data.workers,
            worker_init_fn=_worker,
            prefetch_factor=4 if data.workers else None,
        )

    def _epoch(self) -> None:
        self.learner.train()
        began, total, count = time.monotonic(), 0.0, 0
        torch.manual_seed(self.config.seed * 100_003 + self.progress.epoch)
        for pixels, _, _, *targets in self._loader():
            total += self._step(pixels, *targets)
            count += 1
            if count % 25 == 0 and self.team.leads:
                rate = 2 * count * self.config.optim.pairs_per_batch / (time.monotonic() - began)
                log.info("epoch %d batch %d loss %.4f, %.1f images/s", self.progress.epoch, count, total / count, rate)
        seconds = time.monotonic() - began
        rate = 2 * count * self.config.optim.pairs_per_batch / seconds
        self.team.average(b for b in self.net.buffers() if b.dtype.is_floating_point)
        self._validate({"epoch": self.progress.epoch, "loss": total / max(count, 1), "images_per_s": rate})
        self.progress.epoch += 1

    def _step(
        self, pixels: torch.Tensor, changed: torch.Tensor | None = None, soft: torch.Tensor | None = None
    ) -> float:
        cfg = self.config.optim
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate(self.progress.step)
        loss = self._loss(pixels, changed, soft)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.team.average(p.grad for p in self.learner.parameters() if p.grad is not None)
        nn.utils.clip_grad_norm_(self.learner.parameters(), cfg.clip_norm)
        self.optimiser.step()
        self.ema.update(self.net)
        self.progress.step += 1
        return float(loss.detach())

    def _loss(self, pixels: torch.Tensor, changed: torch.Tensor | None, soft: torch.Tensor | None) -> torch.Tensor:
        cfg = self.config.optim
        if cfg.augment:
            pixels, changed = augment(pixels, changed, cfg.augment)
        real_fake = torch.cat([pixels[:, 0], pixels[:, 1]]).to(self.device, non_blocking=True)
        fake = torch.cat([torch.zeros(len(pixels)), torch.ones(len(pixels))]).to(self.device)
        teacher = None if soft is None else torch.cat([soft[:, 0], soft[:, 1]]).to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            out = self._forward(self._input(real_fake))
        logit, where = out if isinstance(out, tuple) else (out, None)
        logit = logit.float().reshape(-1)
        loss = losses.classification(logit, fake, cfg, teacher)
        if where is not None and changed is not None:
            loss = loss + cfg.map_weight * losses.location(where.float(), changed.to(self.device))
        if cfg.consistency > 0:
            loss = loss + cfg.consistency * losses.pair_margin(*logit.chunk(2))
        return loss

    def rate(self, step: int) -> float:
        """Learning rate at a step: linear warm-up, then cosine with restarts (Loshchilov and Hutter, 2017)."""
        cfg = self.config.optim
        if step < cfg.warmup_steps:
            return cfg.lr * (step + 1) / cfg.warmup_steps
        per_epoch = max(1, cfg.pairs_per_epoch // cfg.pairs_per_batch)
        period = per_epoch * (cfg.restart_epochs or cfg.epochs)
        return cfg.lr * (0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * (step % period) / period)))

    def _validate(self, facts: dict[str, Any]) -> None:
        scores = logits(self.ema.net, self.validation.pixels, self._input) if self.team.leads else None
        facts |= self.team.share(None if scores is None else self.validation.report(scores))
        self.progress.history.append(facts)
        if self.team.leads:
            shown = {k: v for k, v in facts.items() if k != "epoch"}
            log.info("epoch %d: %s", facts["epoch"], json.dumps(shown))
        if facts["auc"] > self.progress.best_auc:
            self.progress.best_auc, self.progress.best_epoch = facts["auc"], facts["epoch"]
            if self.team.leads:
                self._write("best")

    def _write(self, name: str, weights: Mapping[str, torch.Tensor] | None = None) -> None:
        """Weights, the averaged ones by default, as ``<name>.safetensors``; a crash leaves the old file."""
        part = self.folder / f"{name}.part"
        save_file({k: v.contiguous() for k, v in (weights or self.ema.net.state_dict()).items()}, part)
        part.replace(self.folder / f"{name}.safetensors")


def _groups(net: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Weight decay for matrices and kernels only, not for biases and normalisation."""
    plain = [p for p in net.parameters() if p.ndim <= 1]
    heavy = [p for p in net.parameters() if p.ndim > 1]
    return [{"params": heavy, "weight_decay": decay}, {"params": plain, "weight_decay": 0.0}]


def bank_key(config: TrainConfig, crops: Crops) -> str:
    """What decides the pairs of a run, hashed."""
    values = {
        "data": config.data.model_dump(exclude={"workers", "bank_epochs"}),
        "fakes": config.fakes,
        "nuisance": config.nuisance.model_dump(),
        "input": config.input.model_dump(include={"size", "crop", "scale", "resize"}),
        "pairs": config.optim.pairs_per_epoch,
        "crops": [f"{row.sha256}{row.t_s}" for row in crops.rows],
    }
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def training_pairs(config: TrainConfig, prepared: Prepared, bank: Path) -> PairData:
    """What is trained on: fakes made on the way, or kept in a bank below ``bank`` that is filled first."""
    pairs = Pairs(prepared.train, config)
    if not config.data.bank_epochs:
        return pairs
    kept = Kept(pairs, bank / bank_key(config, prepared.train), config.data.bank_epochs)
    kept.fill(config.processes)
    return softened(kept, config) if config.optim.distil else kept


def train(config: TrainConfig, prepared: Prepared, folder: Path, *, resume: bool = True) -> Path:
    """Train ``config`` on prepared data; returns the best weights (float32 safetensors)."""
    torch.set_num_threads(config.threads)
    validation = make_validation(prepared.validation, config)
    log.info("%d training crops, %d validation pictures", len(prepared.train), len(validation.pixels))
    folder.mkdir(parents=True, exist_ok=True)
    facts = describe(prepared.train.rows, prepared.licences)
    (folder / "data.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    pairs = training_pairs(config, prepared, folder.parent / "bank")

    def work(team: Team) -> None:
        trainer = Trainer(config, pairs, validation, folder, team=team)
        if resume:
            trainer.resume()
        trainer.run()

    together(config.processes, work)
    return folder / "best.safetensors"
