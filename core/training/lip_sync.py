"""Training of the network that puts mouths and speech into one space (contrastive, after Chung and Zisserman, 2016,
doi:10.1007/978-3-319-54427-4_19; van den Oord et al., 2018, arXiv:1807.03748).

The encoders are those of LR-ASD and stay as they are: what they say of each clip is worked out once for a few altered
copies, and only what follows them is trained.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors.torch import save_file
from torch import Tensor

from core.errors import ConfigError
from core.networks.lip_sync import LipSync, products
from core.registry import card
from core.settings import CONFIGS, get_settings
from core.sync.lips import FPS
from core.training.data import talking
from core.training.data.lip_states import REACH, States, states_of
from core.training.data.manifest import read_manifest
from core.weights.files import as_found
from core.weights.keymap import key_map
from core.weights.keys import load_file_strictly

log = logging.getLogger(__name__)

_LAGS = 2 * REACH + 1


class LipSyncConfig(BaseModel):
    """``window_frames`` are lengths that are drawn from. Files of one person share a fold of ``split_file``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    title: str
    summary: str
    task: Literal["lip-sync"]
    start: str = Field(description="detector whose encoders are taken over")
    split_file: str
    seed: int = 0
    threads: int = Field(default=1, ge=1)
    copies: int = Field(default=4, ge=1, description="altered copies of each clip, the first unaltered")
    width: int = 192
    kernel: int = 5
    dropout: float = 0.2
    steps: int = Field(ge=1)
    batch: int = Field(default=48, ge=2)
    window_frames: tuple[int, int] = (25, 75)
    lr: float = Field(default=1e-3, gt=0)
    weight_decay: float = 0.05
    noise: float = Field(default=0.1, ge=0, description="spread of what is added to standardised states")
    ema: float = Field(default=0.998, ge=0, lt=1)


def read_lip_sync(path: Path) -> LipSyncConfig:
    """Read and check a training file.

    Raises:
        ConfigError: the file is missing or wrong; the message names the field.
    """
    try:
        return LipSyncConfig.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as exc:
        raise ConfigError(f"The training file {path} cannot be read.", hint="See configs/training.") from exc
    except (ValidationError, yaml.YAMLError) as exc:
        raise ConfigError(f"The training file {path.name} is wrong: {exc}", hint="Correct it.") from exc


def folds_of(config: LipSyncConfig) -> dict[str, int]:
    """sha256 of the files that are trained on, and the fold of each."""
    file = CONFIGS / "training" / "splits" / config.split_file
    found: dict[str, int] = json.loads(file.read_text(encoding="utf-8"))["folds"]
    return found


def fold_file(out: Path, fold: int) -> Path:
    """Weights (float32) that were trained without a fold."""
    return out / f"without-{fold}.safetensors"


def talks_of(config: LipSyncConfig, data: Path, store: Path) -> list[talking.Talk]:
    """The clips that are trained on.

    Raises:
        NotFoundError: none of them is in ``data``.
    """
    chosen = folds_of(config)
    items = [item for item in read_manifest(data, modalities=["video"]) if item.sha256 in chosen]
    return talking.build(data, items, store, get_settings())


def run(path: Path, *, data: Path, out: Path, store: Path, resume: bool = True) -> Path:
    """Train the file, and once without each fold to measure by; returns the weights (float32 safetensors).

    Args:
        path: the training file.
        data: data root with ``manifest.csv``.
        out: folder of the run.
        store: folder in which mouths are kept.
        resume: leave out what is there already.

    Raises:
        ConfigError: the file is wrong.
        NotFoundError: none of its clips is in ``data``.
        WeightsError: the weights to begin with are not there.
    """
    config = read_lip_sync(path)
    torch.set_num_threads(config.threads)
    talks = talks_of(config, data, store)
    out.mkdir(parents=True, exist_ok=True)
    describe(out, talks)
    states = states_of(started(config), talks, config.copies, config.seed, out / "states")
    folds = folds_of(config)
    every = {fold_file(out, fold): fold for fold in sorted(set(folds.values()))} | {out / "best.safetensors": None}
    for file, fold in every.items():
        if resume and file.is_file():
            continue
        log.info("training %s", file.stem)
        fit(config, started(config), [s for s in states if fold is None or folds[s.sha256] != fold], file)
    return out / "best.safetensors"


def started(config: LipSyncConfig) -> LipSync:
    """The network with new heads over the published encoders.

    Raises:
        WeightsError: their file is not there.
    """
    torch.manual_seed(config.seed)
    network = LipSync(config.width, config.kernel, config.dropout)
    base, weights = as_found(card(config.start), get_settings())
    from core.networks.lr_asd import LrAsd

    whole = LrAsd()
    load_file_strictly(whole, weights, key_map(base.weights.key_map))
    network.visualEncoder.load_state_dict(whole.visualEncoder.state_dict())
    network.audioEncoder.load_state_dict(whole.audioEncoder.state_dict())
    return network.eval()


def describe(out: Path, talks: Sequence[talking.Talk]) -> None:
    """Notes what was trained on, for the card."""
    minutes = sum(len(p.crops) for talk in talks for p in talk.pieces) / FPS / 60
    by_source: dict[str, set[str]] = {}
    licences = {talk.item.source: talk.item.licence for talk in talks}
    for talk in talks:
        by_source.setdefault(talk.item.source, set()).add(talk.item.identity)
    parts = "; ".join(f"{s} ({len(people)} people; {licences[s]})" for s, people in sorted(by_source.items()))
    text = f"{minutes:.1f} minutes of {len(talks)} true clips of talking people: {parts}."
    (out / "data.json").write_text(json.dumps({"text": text}, indent=1) + "\n", encoding="utf-8")


@dataclass(frozen=True, slots=True)
class _Sample:
    """mouths float32[B, T, 128], voices float32[B, T + 30, 180], people int64[B]."""

    mouths: Tensor
    voices: Tensor
    people: Tensor


class _Draw:
    """Windows of equal length out of pieces: people by the root of how long they are seen."""

    def __init__(self, states: Sequence[States], config: LipSyncConfig) -> None:
        self.states, self.config = states, config
        self.rng = np.random.default_rng(config.seed)
        people = sorted({s.identity for s in states})
        self.number = {name: i for i, name in enumerate(people)}
        frames = np.array([s.frames for s in states], np.float64)
        of = np.array([self.number[s.identity] for s in states])
        total = np.bincount(of, frames)
        odds = frames / total[of] * np.sqrt(total[of])
        self.odds = odds / odds.sum()

    def __call__(self) -> _Sample:
        low, high = self.config.window_frames
        length = int(self.rng.integers(low, high + 1))
        chosen = self.rng.choice(len(self.states), self.config.batch, p=self.odds)
        rows = [self._window(self.states[i], length) for i in chosen]
        people = torch.tensor([self.number[self.states[i].identity] for i in chosen])
        return _Sample(torch.stack([m for m, _ in rows]), torch.stack([v for _, v in rows]), people)

    def _window(self, states: States, length: int) -> tuple[Tensor, Tensor]:
        mouths, voices = states.copies[int(self.rng.integers(len(states.copies)))]
        if len(mouths) < length:
            # A short piece is seen over again, with its sound.
            times = -(-length // len(mouths))
            heard = len(mouths) * times + 2 * REACH
            inner = voices[REACH:-REACH]
            mouths, voices = mouths.repeat(times, 1), inner.repeat(-(-heard // len(inner)), 1)[:heard]
        first = int(self.rng.integers(len(mouths) - length + 1))
        return mouths[first : first + length], voices[first : first + length + 2 * REACH]


def loss_of(network: LipSync, sample: _Sample) -> Tensor:
    """InfoNCE over shifts of the own sound and the sound of other people, on whole windows and on stretches of 15
    frames."""
    mouths, voices = network.embed_mouths(sample.mouths), network.embed_voices(sample.voices)
    by_lag = products(mouths, voices, REACH)
    scale = network.scale.clamp(1.0, 100.0)
    own = by_lag.mean(dim=1)
    length = mouths.shape[1]
    foreign = scale * torch.einsum("itw,jtw->ij", mouths, voices[:, REACH : REACH + length]) / length
    # Masked once scaled, so that nothing infinite meets the scale's gradient.
    foreign = foreign.masked_fill(sample.people[:, None] == sample.people[None], -torch.inf)
    target = _target(_LAGS, own)
    ours = -(target * F.log_softmax(torch.cat([scale * own, foreign], 1), 1)[:, :_LAGS]).sum(1).mean()
    theirs = -(target * F.log_softmax(torch.cat([scale * own, foreign.T], 1), 1)[:, :_LAGS]).sum(1).mean()
    short = F.avg_pool1d(by_lag.transpose(1, 2), 15, 5).transpose(1, 2)
    local = -(target * F.log_softmax(scale * short, 2)).sum(2).mean()
    return (ours + theirs) / 2 + 0.5 * local


def _target(lags: int, like: Tensor) -> Tensor:
    """Most on no shift, a little on one frame: a clip may be off by half a frame."""
    target = like.new_zeros(lags)
    target[REACH - 1 : REACH + 2] = torch.tensor([0.1, 0.8, 0.1])
    return target


def fit(config: LipSyncConfig, network: LipSync, states: Sequence[States], file: Path) -> Path:
    """Train the heads and write their averaged weights with the encoders to ``file``, which is returned."""
    heads = [*network.mouth.parameters(), *network.voice.parameters(), network.scale]
    optimiser = torch.optim.AdamW(heads, lr=config.lr, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.lr, total_steps=config.steps, pct_start=0.1)
    mean = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(config.ema)
    )
    draw, losses = _Draw(states, config), list[float]()
    network.mouth.train(), network.voice.train()
    for step in range(config.steps):
        sample = draw()
        noisy = _Sample(_noise(sample.mouths, config), _noise(sample.voices, config), sample.people)
        loss = loss_of(network, noisy)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(heads, 5.0)
        optimiser.step()
        schedule.step()
        mean.update_parameters(network)
        losses.append(loss.item())
        if step % 100 == 99:
            log.info("step %d: loss %.3f", step + 1, float(np.mean(losses[-100:])))
    network.eval()
    save_file({k: v.contiguous() for k, v in mean.module.state_dict().items()}, file)
    return file


def _noise(x: Tensor, config: LipSyncConfig) -> Tensor:
    return x + config.noise * x.std(dim=(0, 1), keepdim=True) * torch.randn_like(x)
