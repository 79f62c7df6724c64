"""What the pages and the API of one server share."""

from __future__ import annotations

import os
import secrets
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from core.media.fetch import fetch
from core.settings import Settings
from core.store.files import closed_folder
from pages.demo.access import Shares
from pages.demo.fetching import Fetches
from pages.demo.jobs import Job, Lanes


@dataclass(frozen=True, slots=True)
class Service:
    """One server: its settings, its queue, and each client's share of it."""

    settings: Settings
    lanes: Lanes
    shares: Shares
    fetches: Fetches = field(default_factory=Fetches)

    @classmethod
    def of(cls, settings: Settings) -> Service:
        """A service that decodes apart, unless the settings say otherwise."""
        if settings.sandbox.enabled is None:
            apart = settings.sandbox.model_copy(update={"enabled": os.name == "posix"})
            settings = settings.model_copy(update={"sandbox": apart})
        return cls(settings, Lanes(settings), Shares(settings.server))

    @property
    def incoming(self) -> Path:
        """The folder of files that were sent to the API and wait for their analysis."""
        return self.settings.data_dir / "incoming"

    def fresh_file(self) -> Path:
        """A path for a new upload that nobody can guess."""
        return closed_folder(self.incoming) / secrets.token_hex(16)

    def fetch(self, address: str, target: Path, client: str) -> str:
        """Fetch a file from an address into ``target``, which does not exist yet.

        Returns:
            A name that is safe to show.

        Raises:
            WorkbenchError: addresses are not read here, this one is not allowed, or the file did not arrive whole.
        """
        with self.fetches.slot(client):
            return fetch(address, target, self.settings).name

    def clear(self) -> None:
        """Remove what an earlier run of the server has left behind."""
        shutil.rmtree(self.incoming, ignore_errors=True)

    def analyse(self, path: Path, preset: str, name: str, *, owner: str, client: str, temporary: bool = False) -> Job:
        """Count an analysis against the client's share and put it into the queue.

        Raises:
            BusyError: the share is used up, or the queue is full. The file is deleted then if ``temporary``.
        """
        try:
            self.shares.analysis(client)
        except BaseException:
            if temporary:
                path.unlink(missing_ok=True)
            raise
        wanted = self.settings.model_copy(update={"preset": preset or self.settings.preset})
        return self.lanes.submit(path, wanted, name, owner=owner, client=client, temporary=temporary)
