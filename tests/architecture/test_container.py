"""The container files keep to what they promise: no root, a health check, fixed bases, nothing private copied."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.settings import ROOT


def instructions(text: str) -> list[tuple[str, str]]:
    """(NAME, rest) of every instruction, continued lines joined."""
    joined = re.sub(r"\\\n\s*", " ", text)
    lines = [line.strip() for line in joined.splitlines()]
    return [(line.split()[0].upper(), line.partition(" ")[2].strip()) for line in lines if line and line[0] != "#"]


def faults(text: str) -> list[str]:
    """What is wrong with a Dockerfile."""
    found = instructions(text)
    names = [name for name, _ in found]
    users = [rest for name, rest in found if name == "USER"]
    told = []
    told += [
        f"base without a version: {rest}"
        for name, rest in found
        if name == "FROM" and not re.search(r":[\w.-]*\d", rest)
    ]
    told += [f"base that moves: {rest}" for name, rest in found if name == "FROM" and rest.endswith(":latest")]
    told += ["runs as root"] if not users or users[-1] in ("root", "0") else []
    told += ["no health check"] if "HEALTHCHECK" not in names else []
    told += [f"ADD: {rest}" for name, rest in found if name == "ADD"]
    told += ["sudo"] if any("sudo" in rest for name, rest in found if name == "RUN") else []
    told += [
        f"a secret: {rest}"
        for name, rest in found
        if name in ("ENV", "ARG") and re.search(r"TOKEN|SECRET|PASSWORD", rest)
    ]
    told += (
        ["a start command that a shell reads"]
        if any(name in ("CMD", "ENTRYPOINT") and not rest.startswith("[") for name, rest in found)
        else []
    )
    if names.count("COPY") > 1 and "RUN" in names[names.index("COPY") :]:
        first = next(rest for name, rest in found if name == "COPY")
        told += ["the program is copied before its requirements are installed"] if first.endswith(". .") else []
    return told


def test_the_dockerfile_has_no_fault() -> None:
    assert faults((ROOT / "Dockerfile").read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('FROM python\nUSER a\nHEALTHCHECK CMD ["x"]', "base without a version"),
        ('FROM python:3.12\nHEALTHCHECK CMD ["x"]', "runs as root"),
        ('FROM python:3.12\nUSER a\nUSER root\nHEALTHCHECK CMD ["x"]', "runs as root"),
        ("FROM python:3.12\nUSER a", "no health check"),
        ('FROM python:3.12\nUSER a\nHEALTHCHECK CMD ["x"]\nADD http://a /b', "ADD"),
        ('FROM python:3.12\nENV HF_TOKEN=x\nUSER a\nHEALTHCHECK CMD ["x"]', "a secret"),
        ('FROM python:3.12\nUSER a\nHEALTHCHECK CMD ["x"]\nCMD python app.py', "a start command"),
    ],
)
def test_each_fault_is_found(text: str, fault: str) -> None:
    assert any(told.startswith(fault) for told in faults(text))


def test_what_is_copied_is_there_and_nothing_private_is() -> None:
    for name, rest in instructions((ROOT / "Dockerfile").read_text(encoding="utf-8")):
        if name == "COPY":
            *sources, _ = [part for part in rest.split() if not part.startswith("--")]
            assert all((ROOT / source).exists() for source in sources)
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert {".git", ".venv", "var", "runs", "artifacts"} <= set(ignored)


@pytest.mark.parametrize("script", ["docker/start", "docker/healthy"])
def test_scripts_can_be_run(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    return found


def test_both_front_ends_are_composed_closed_and_without_rights() -> None:
    services = compose()["services"]
    assert set(services) == {"demo", "workbench"}
    for service in services.values():
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        assert service["cap_drop"] == ["ALL"]
        assert service["read_only"] is True
        assert "no-new-privileges:true" in service["security_opt"]
    ports = {port.rsplit(":", 1)[1] for service in services.values() for port in service["ports"]}
    exposed = next(rest for name, rest in instructions(Path(ROOT / "Dockerfile").read_text()) if name == "EXPOSE")
    assert ports == set(exposed.split())
