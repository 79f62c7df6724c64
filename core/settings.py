"""Settings of the workbench.

Order, first wins: arguments, environment (``UNMASK_`` + name, ``__`` between levels), the user's file
(``<data_dir>/config.yaml``), the profile (``configs/profiles/<profile>.yaml``), the defaults below.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from core.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent
CONFIGS = ROOT / "configs"
SHIPPED_WEIGHTS = ROOT / "weights"

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Bucket = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]+$", max_length=255)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Limits(_Part):
    """What is refused before it is decoded, and how much of a file is read at most."""

    max_bytes: int = Field(default=2_000_000_000, gt=0)
    max_pixels: int = Field(default=100_000_000, gt=0, description="pixels of one picture or video frame")
    max_seconds: float = Field(default=4 * 3600.0, gt=0)
    max_audio_seconds: float = Field(default=600.0, gt=0, description="sound read at most, from the start")


class Sampling(_Part):
    """Which frames of a clip are looked at."""

    strategy: Literal["auto", "uniform", "all", "scene", "quality"] = "auto"
    frames: int = Field(default=32, ge=1, le=4096)
    all_below_s: float = Field(default=1.2, ge=0.0, description="auto: shorter clips are read whole")


class FaceSettings(_Part):
    finder: Literal["mtcnn", "yunet"] = "mtcnn"
    working_px: int = Field(default=640, ge=160, description="longer side of the copy in which faces are sought")
    search_every: int = Field(
        default=4, ge=1, description="sampled frames of a clip from one searched whole to the next; 1 searches all"
    )
    min_confidence: Fraction = 0.90
    max_faces: int = Field(default=16, ge=1)
    min_frames: int = Field(default=4, ge=1, description="frames of a clip a person needs to drive the verdict")


class Enhancement(_Part):
    """Repairs of the copy in which faces are sought."""

    enabled: bool = True
    dark_luma: float = Field(default=60.0, description="mean luma below which a frame counts as low light")
    blur_variance: float = Field(default=20.0, description="Laplacian variance below which a frame counts as blurred")


class Uncertainty(_Part):
    """How much is spent on finding out how sure the detectors are, and on being sure at all."""

    mirrored: int = Field(default=4, ge=0, description="pictures of a person also judged in the mirror; 0 = none")
    scales: int = Field(
        default=2, ge=0, le=64, description="pictures of a person also judged closer, wider and at half the resolution"
    )
    dropout: int = Field(
        default=8, ge=0, le=64, description="passes with dropout at work, of networks that have it; 0 = none"
    )
    early_exit: bool = Field(default=True, description="presets with a gate may stop early where it finds all genuine")


class CacheSettings(_Part):
    enabled: bool = True
    max_bytes: int = Field(default=500_000_000, gt=0)


class RuntimeSettings(_Part):
    device: str = Field(default="auto", pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")
    backend: Literal[
        "auto",
        "torch",
        "channels-last",
        "bfloat16",
        "float16",
        "openvino",
        "openvino-bfloat16",
        "openvino-int8",
        "onnxruntime",
        "tensorrt",
    ] = Field(default="auto", description="how networks are run; auto tries all, keeps the fastest that answers alike")
    batch: int = Field(default=8, ge=1, description="pictures looked at in one go")
    pool_bytes: int = Field(default=3_000_000_000, gt=0, description="memory that loaded models may hold")


class SandboxSettings(_Part):
    """Whether media are decoded in a process of their own, and what that process may use."""

    enabled: bool | None = Field(default=None, description="None: on in the demo server, off elsewhere")
    workers: int = Field(default=2, ge=1, le=16)
    memory_bytes: int = Field(default=4_000_000_000, ge=500_000_000, description="address space of one worker")
    cpu_s: int = Field(default=240, ge=5, description="processor time for one request")
    wall_s: float = Field(default=120.0, ge=1.0, description="time for one request")
    max_files: int = Field(default=128, ge=32)


class FetchSettings(_Part):
    """Reading of media from addresses on the network."""

    enabled: bool = False
    schemes: tuple[Literal["https", "http"], ...] = ("https",)
    hosts: tuple[str, ...] = Field(default=(), description="allowed hosts, *.example.org for a domain; () = any public")
    seconds: float = Field(default=60.0, gt=0)
    s3_buckets: tuple[Bucket, ...] = Field(default=(), description="buckets of which s3:// is read; () = none")
    s3_endpoint: str = Field(
        default="", pattern=r"^(https?://[^\s/@?#]+/?)?$", description="address of a store that is not Amazon's"
    )
    s3_anonymous: bool = Field(default=True, description="without credentials; else those of the AWS_ variables")


class ServerSettings(_Part):
    """What the demo server grants its visitors."""

    lanes: int = Field(default=1, ge=1, le=16, description="analyses at the same time")
    queue: int = Field(default=40, ge=1, description="analyses that may wait")
    waiting_per_client: int = Field(default=20, ge=1, description="of these, by one client")
    analyses_per_minute: int = Field(default=30, ge=1, description="of one client")
    requests_per_minute: int = Field(default=300, ge=1, description="uploads and API calls of one client")
    budget_s: float = Field(default=600.0, gt=0, description="time for one analysis")
    keep_results_s: float = Field(default=3600.0, gt=0)
    proxies: int = Field(default=0, ge=0, description="trusted proxies before the server")
    origins: tuple[str, ...] = Field(default=(), description="other sites whose pages may call the API")
    admin_token: SecretStr | None = Field(default=None, description="allows the start of a fine-tuning")


class SyncSettings(_Part):
    """Copying of feedback into a data set on the Hugging Face Hub."""

    dataset: str = Field(default="", description="owner/name of the data set; empty = off")
    token: SecretStr | None = Field(default=None, description="a token that may write to it")
    minutes: float = Field(default=15.0, ge=1.0)


class WorkbenchSettings(_Part):
    """Who may use the workbench."""

    login: dict[str, SecretStr] = Field(default={}, description="name: hash of the password; none = no login")


class Settings(BaseSettings):
    """All settings; see the module for where values come from."""

    model_config = SettingsConfigDict(
        env_prefix="UNMASK_", env_nested_delimiter="__", extra="ignore", frozen=True, protected_namespaces=()
    )

    profile: Literal["cpu", "gpu", "zerogpu"] = "cpu"
    preset: str = "default"
    data_dir: Path = Field(default=ROOT / "var")
    weights_dir: Path | None = Field(default=None, description="further folder in which weights are sought")
    offline: bool = Field(default=False, description="download nothing, also not on request")
    retention_days: int = Field(default=0, ge=0, description="analyses older than this are deleted; 0 = never")
    mlflow_uri: str = Field(default="", description="MLflow server to which analyses are logged; none if empty")
    limits: Limits = Limits()
    sampling: Sampling = Sampling()
    faces: FaceSettings = FaceSettings()
    enhance: Enhancement = Enhancement()
    uncertainty: Uncertainty = Uncertainty()
    cache: CacheSettings = CacheSettings()
    runtime: RuntimeSettings = RuntimeSettings()
    sandbox: SandboxSettings = SandboxSettings()
    fetch: FetchSettings = FetchSettings()
    server: ServerSettings = ServerSettings()
    workbench: WorkbenchSettings = WorkbenchSettings()
    sync: SyncSettings = SyncSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        data_dir = Path(os.environ.get("UNMASK_DATA_DIR", ROOT / "var"))
        profile = os.environ.get("UNMASK_PROFILE", "cpu")
        return (
            init_settings,
            env_settings,
            YamlConfigSettingsSource(settings_cls, yaml_file=data_dir / "config.yaml"),
            YamlConfigSettingsSource(settings_cls, yaml_file=CONFIGS / "profiles" / f"{profile}.yaml"),
        )

    def result_facts(self) -> dict[str, Any]:
        """Those settings on which a result depends (part of the cache key). Thresholds are not among them."""
        return self.model_dump(mode="json", include={"preset", "limits", "sampling", "faces", "enhance", "uncertainty"})


def build_settings(**overrides: Any) -> Settings:
    """Read settings from files and environment.

    Raises:
        ConfigError: a value does not fit; the message names it.
    """
    try:
        return Settings(**overrides)
    except ValidationError as exc:
        first = exc.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise ConfigError(
            f"The setting '{name}' is wrong: {first['msg']}.",
            hint="Correct it in the environment (UNMASK_…) or in config.yaml; docs/usage.md lists all settings.",
        ) from exc
    except (yaml.YAMLError, ValueError, TypeError) as exc:
        raise ConfigError(
            "A settings file or variable cannot be read: it is not valid YAML, or not a list of names and values.",
            hint="Correct config.yaml and the UNMASK_… variables, or remove them to use the defaults.",
        ) from exc


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The process-wide settings, read once."""
    return build_settings()
