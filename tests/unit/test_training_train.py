"""The trainer learns, resumes to the same weights, and exports what the runtime loads."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from core.detectors.base import load_detector
from core.errors import ConfigError, WeightsMissingError
from core.faces.align import template
from core.training import losses
from core.training.calibrate import calibrate
from core.training.cards import read_card, update_card
from core.training.config import OptimConfig, TrainConfig
from core.training.data.crops import STORE_PX, STORE_SCALE, CropRow, Crops
from core.training.data.pairs import Pairs
from core.training.evaluate import Evaluation
from core.training.export import describe, export
from core.training.golden import golden_input
from core.training.model import Ema, build, logits, mixed
from core.training.sheets import sheet, worst
from core.training.tables import markdown
from core.training.team import Team, together
from core.training.train import Trainer
from core.training.validation import make_validation

POINTS = tuple((float(x), float(y)) for x, y in template(STORE_PX, STORE_SCALE))


def _crops(n: int, prefix: str = "p") -> Crops:
    rng = np.random.default_rng(len(prefix) + n)
    coarse = rng.integers(40, 216, (n, 8, 8, 3), dtype=np.uint8)
    pixels = np.stack([cv2.resize(c, (STORE_PX, STORE_PX), interpolation=cv2.INTER_CUBIC) for c in coarse])
    rows = tuple(
        CropRow(f"{prefix}{i}", 0.0, False, "pristine", "lfw", f"{prefix}{i}", "train", "image", 70.0, POINTS)
        for i in range(n)
    )
    return Crops(pixels, rows)


def _config(**optim: object) -> TrainConfig:
    values: dict[str, object] = {"epochs": 2, "pairs_per_epoch": 8, "pairs_per_batch": 4, "lr": 2e-3, "warmup_steps": 2}
    return TrainConfig.model_validate(
        {
            "id": "tiny",
            "title": "Tiny",
            "summary": "For tests.",
            "seed": 3,
            "input": {"size": 64},
            "data": {"workers": 0},
            "fakes": {"up-sampling": 1, "self-blend": 1},
            "model": {"architecture": "test_resnet"},
            "optim": values | optim,
        }
    )


def _trainer(config: TrainConfig, folder: Path) -> Trainer:
    return Trainer(config, Pairs(_crops(6), config), make_validation(_crops(8, "val"), config), folder, device="cpu")


def test_resuming_gives_the_same_weights_as_going_on(tmp_path: Path) -> None:
    config = _config()
    straight = _trainer(config, tmp_path / "a")
    straight.run()
    first = _trainer(config, tmp_path / "b")
    first._epoch()
    first.save()
    second = _trainer(config, tmp_path / "b")
    assert second.resume()
    assert second.progress.epoch == 1
    second.run()
    for key, value in straight.net.state_dict().items():
        assert torch.equal(value, second.net.state_dict()[key]), key
    for key, value in straight.ema.net.state_dict().items():
        assert torch.equal(value, second.ema.net.state_dict()[key]), key
    history = json.loads((tmp_path / "b" / "history.json").read_text())
    assert [h["epoch"] for h in history] == [0, 1]


def test_a_checkpoint_of_another_run_is_not_resumed(tmp_path: Path) -> None:
    trainer = _trainer(_config(), tmp_path)
    trainer.save()
    assert not _trainer(_config(lr=1e-4), tmp_path).resume()


def test_training_lowers_the_loss(tmp_path: Path) -> None:
    trainer = _trainer(_config(label_smoothing=0.0, warmup_steps=0), tmp_path)
    pixels = torch.stack([trainer.pairs[i][0] for i in range(8)])
    trainer.net.train()
    values = [trainer._step(pixels) for _ in range(40)]
    assert values[-1] < 0.6 * values[0]


def test_it_stops_when_nothing_gets_better(tmp_path: Path) -> None:
    trainer = _trainer(_config(epochs=50, patience=1, lr=1e-9), tmp_path)
    trainer.progress.best_auc = 2.0
    trainer.progress.best_epoch = 0
    trainer.run()
    assert trainer.progress.epoch == 2


def test_learning_rate_warms_up_falls_and_restarts(tmp_path: Path) -> None:
    trainer = _trainer(_config(epochs=10, restart_epochs=5, pairs_per_epoch=40), tmp_path)
    rates = [trainer.rate(s) for s in range(100)]
    assert rates[0] == pytest.approx(1e-3)
    assert rates[49] < 0.03 * max(rates)
    assert rates[50] == pytest.approx(max(rates))


def test_losses_have_their_closed_forms() -> None:
    logit, fake = torch.tensor([0.0, 2.0]), torch.tensor([0.0, 1.0])
    plain = OptimConfig(epochs=1, pairs_per_epoch=1, lr=1, label_smoothing=0.0)
    expected = (np.log(2) + np.log1p(np.exp(-2))) / 2
    assert float(losses.classification(logit, fake, plain)) == pytest.approx(expected, rel=1e-6)
    focal = plain.model_copy(update={"loss": "focal", "focal_gamma": 2.0})
    p = 1 / (1 + np.exp(-2))
    expected = (0.25 * np.log(2) + (1 - p) ** 2 * -np.log(p)) / 2
    assert float(losses.classification(logit, fake, focal)) == pytest.approx(expected, rel=1e-5)
    assert float(losses.pair_margin(torch.tensor([0.0, 0.0]), torch.tensor([1.0, 5.0]))) == pytest.approx(0.5)


def test_ema_follows_slowly() -> None:
    net = torch.nn.Linear(2, 1)
    ema = Ema(net, 0.9)
    ema.steps = 1000
    with torch.no_grad():
        before = net.weight.clone()
        net.weight += 1.0
    ema.update(net)
    assert torch.allclose(ema.net.state_dict()["weight"], before + 0.1)


def test_unknown_networks_are_named() -> None:
    with pytest.raises(ConfigError, match="no network 'nothing'"):
        build(_config().model.model_copy(update={"architecture": "nothing"}))


def test_exported_weights_run_as_a_detector_and_can_be_measured(tmp_path: Path) -> None:
    config = _config(epochs=1)
    trainer = _trainer(config, tmp_path / "run")
    with pytest.raises(WeightsMissingError):
        export(config, tmp_path / "run", weights=tmp_path / "weights")
    trainer.run()
    facts = describe(_crops(6).rows, {"lfw": "free"})
    (tmp_path / "run" / "data.json").write_text(json.dumps(facts))
    path = tmp_path / "tiny.yaml"
    card = export(config, tmp_path / "run", weights=tmp_path / "weights", card_file=path)
    assert read_card(path) == card
    assert "6 identities" in card.weights.trained_on
    manifest = json.loads((tmp_path / "weights" / "manifest.json").read_text())
    assert manifest["tiny"]["sha256"] == card.weights.sha256

    detector = load_detector(card, tmp_path / "weights" / card.weights.file, "cpu")
    assert card.golden is not None
    pixels = golden_input(card.golden.seed, card.input.size)
    assert float(detector.logits(pixels[None])[0]) == pytest.approx(card.golden.logit, abs=1e-3)
    full = logits(trainer.ema.net, pixels[None], trainer._input)[0]
    assert full == pytest.approx(card.golden.logit, abs=0.02)

    known = make_validation(_crops(60, "cal"), config)
    fit = calibrate(card, known, tmp_path / "weights")
    assert (fit.n_real, fit.n_fake) == (60, 60)
    card = update_card(path, calibration=fit.model_dump(mode="json"))
    evaluation = Evaluation(card, detector)
    evaluation.held_out({"self-blend": make_validation(_crops(12, "ev"), config, methods=("self-blend",))})
    names = [f.name for f in evaluation.figures]
    assert "AUC self-blend" in names
    assert "TPR at 5 % FPR" in names
    rows = [{"group": f.group, "name": f.name, "value": f.value, "low": f.low, "high": f.high, "n": f.n}
            for f in evaluation.figures]  # fmt: skip
    text = markdown(card, {"command": "x", "figures": rows})
    assert "| AUC self-blend |" in text


def test_processes_of_a_team_average_and_share(tmp_path: Path) -> None:
    def work(team: Team) -> None:
        tensors = [torch.full((2, 2), float(team.rank)), torch.tensor([2.0 * team.rank])]
        team.average(tensors)
        told = team.share("hello" if team.leads else None)
        team.wait()
        values = [t.flatten().tolist() for t in tensors]
        (tmp_path / f"{team.rank}.json").write_text(json.dumps([*values, told]))

    together(2, work)
    for rank in (0, 1):
        assert json.loads((tmp_path / f"{rank}.json").read_text()) == [[0.5] * 4, [1.0], "hello"]
    alone = torch.ones(3)
    Team().average([alone])
    assert alone.tolist() == [1.0] * 3


def test_sheets_show_the_worst_first() -> None:
    known = make_validation(_crops(6, "val"), _config())
    p = np.linspace(0, 1, len(known.fake))
    reals, fakes = worst(known, p, 3)
    assert [bool(known.fake[i]) for i in (*reals, *fakes)] == [False] * 3 + [True] * 3
    assert p[reals[0]] == max(p[~known.fake])
    assert p[fakes[0]] == min(p[known.fake])
    picture = sheet(known, p, reals, columns=2)
    assert picture.shape == (2 * (64 + 28), 128, 3)
    assert np.array_equal(picture[:64, :64], known.pixels[reals[0]])


def test_what_a_network_began_with_can_be_kept_in_part(tmp_path: Path) -> None:
    first, last = tmp_path / "first.safetensors", tmp_path / "last.safetensors"
    steps = torch.tensor(7)
    save_file({"w": torch.tensor([0.0, 4.0]), "n": torch.tensor(3)}, first)
    save_file({"w": torch.tensor([2.0, 0.0]), "n": steps}, last)
    between = mixed(first, last, 0.25)
    assert between["w"].tolist() == [1.5, 1.0]
    assert between["n"].item() == 7


def test_kept_weights_are_mixed_and_measured_at_the_end(tmp_path: Path) -> None:
    first = _trainer(_config(epochs=1), tmp_path / "first").run()
    model = {"architecture": "test_resnet", "start": "checkpoint", "start_file": str(first)}
    with pytest.raises(ValueError, match="keep_start"):
        _config(keep_start=0.5)
    config = TrainConfig.model_validate(_config().model_dump() | {"model": model})
    kept = config.model_copy(update={"optim": config.optim.model_copy(update={"keep_start": 0.5})})
    folder = tmp_path / "second"
    best = load_file(_trainer(kept, folder).run())
    began, ended = load_file(first), load_file(folder / "last.safetensors")
    for name, value in best.items():
        if value.is_floating_point():
            torch.testing.assert_close(value, (began[name] + ended[name]) / 2)
    history = json.loads((folder / "history.json").read_text())
    assert [row["epoch"] for row in history] == [0, 1, 1] and history[-1]["kept_of_start"] == 0.5
    assert 0.0 <= history[-1]["auc"] <= 1.0
    again = _trainer(kept, folder)
    assert again.resume()
    again.run()
    assert json.loads((folder / "history.json").read_text()) == history, "ending twice changes nothing"
