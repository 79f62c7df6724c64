"""What is deployed is valid, and names what the program has."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from core.settings import ROOT, Settings

MANIFESTS = sorted((ROOT / "deploy" / "kubernetes").glob("*.yaml"))


def load(path: Path) -> dict[str, Any]:
    (document,) = yaml.safe_load_all(path.read_text(encoding="utf-8"))
    return dict(document)


def container() -> dict[str, Any]:
    pod = load(ROOT / "deploy" / "kubernetes" / "deployment.yaml")["spec"]["template"]["spec"]
    (only,) = pod["containers"]
    return dict(only)


def test_the_manifests_are_those_that_are_documented() -> None:
    kinds = {load(path)["kind"] for path in MANIFESTS}
    assert kinds == {"Deployment", "Service", "HorizontalPodAutoscaler", "PersistentVolumeClaim"}


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda p: p.stem)
def test_a_manifest_fits_the_schema(path: Path) -> None:
    kubernetes_validate.validate(load(path), "1.34", strict=True)


def test_the_schema_refuses_a_wrong_manifest() -> None:
    wrong = load(ROOT / "deploy" / "kubernetes" / "service.yaml")
    wrong["spec"]["prots"] = []
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, "1.34", strict=True)


def test_they_fit_each_other() -> None:
    parts = {load(path)["kind"]: load(path) for path in MANIFESTS}
    deployment = parts["Deployment"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == labels == parts["Service"]["spec"]["selector"]
    target = parts["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", deployment["metadata"]["name"])
    claims = [v["persistentVolumeClaim"]["claimName"] for v in deployment["spec"]["template"]["spec"]["volumes"]
              if "persistentVolumeClaim" in v]  # fmt: skip
    assert claims == [parts["PersistentVolumeClaim"]["metadata"]["name"]]
    ports = {port["name"] for port in container()["ports"]}
    assert {port["targetPort"] for port in parts["Service"]["spec"]["ports"]} <= ports


def test_the_variables_are_settings() -> None:
    for variable in container()["env"]:
        place: Any = Settings
        for part in variable["name"].removeprefix("UNMASK_").lower().split("__"):
            place = place.model_fields[part].annotation
    assert container()["env"]


def test_the_probes_ask_addresses_that_there_are() -> None:
    routes = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "pages" / "api").glob("*.py"))
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        path = container()[probe]["httpGet"]["path"]
        assert f'"{path.removeprefix("/api/v1")}"' in routes


def test_the_board_asks_for_figures_that_there_are() -> None:
    board = json.loads((ROOT / "deploy" / "grafana" / "unmask.json").read_text(encoding="utf-8"))
    asked = {
        re.sub(r"_(bucket|sum|count|total)$", "", name)
        for panel in board["panels"]
        for target in panel["targets"]
        for name in re.findall(r"unmask_\w+", target["expr"])
    }
    given = set(re.findall(r'"(unmask_\w+)"', (ROOT / "pages" / "demo" / "metrics.py").read_text(encoding="utf-8")))
    assert asked and asked <= given
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
