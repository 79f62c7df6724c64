"""Provenance in plain words, for pages and reports."""

from __future__ import annotations

from core.facts import Credentials, Provenance
from core.store.seen import Seen

BESIDE = "These are facts beside the verdict: none of them enters a score, and a missing one proves nothing."
UNSIGNED = "It carries no content credentials (C2PA). Most files do not; that is no sign of a fake."
_STATES = {
    "changed or not valid": "The file was changed after it was signed, or its signature does not hold.",
    "unreadable": "It carries content credentials (C2PA) that cannot be read.",
}


def rows(provenance: Provenance) -> tuple[tuple[str, str], ...]:
    """What is known as (name, value)."""
    found = provenance.credentials
    told = [*(_credential_rows(found) if found else ()), *provenance.facts]
    if provenance.fingerprints:
        told.append(("Perceptual hash", " ".join(provenance.fingerprints)))
    return tuple((name, value) for name, value in told if value)


def notes(provenance: Provenance) -> tuple[str, ...]:
    """What is noteworthy, in whole sentences."""
    found = provenance.credentials
    if found is None:
        return (UNSIGNED, *provenance.notes)
    told = [_STATES.get(found.state, "It carries content credentials (C2PA) whose signature holds.")]
    if found.state.endswith("not checked"):
        told.append("No list of trusted signers is consulted: the name says who signed it only if you trust it.")
    if found.generated:
        told.append("Its content credentials say that a generative model made it.")
    return (*told, *provenance.notes)


def _credential_rows(found: Credentials) -> tuple[tuple[str, str], ...]:
    return (
        ("Content credentials", found.state),
        ("Signed by", found.signer),
        ("Signed on", found.signed_at),
        ("Signed with", found.generator),
        ("Title in the credentials", found.title),
        ("Recorded steps", "; ".join(found.actions)),
        ("Failed checks", "; ".join(found.problems)),
    )


def seen(item: Seen) -> str:
    """One medium that was seen before, and what people said of it."""
    what = "The same file" if item.exact else "A file that looks the same"
    said = [f"{name} by {_people(n)}" for name, n in (("fake", item.fake_by), ("real", item.real_by)) if n]
    labelled = f", labelled {' and '.join(said)}" if said else ", not labelled"
    return f"{what} was seen before as {item.name} on {item.created_at[:10]}{labelled}."


def _people(n: int) -> str:
    words = ("no one", "one reviewer", "two reviewers", "three reviewers", "four reviewers")
    return words[n] if n < len(words) else f"{n} reviewers"
