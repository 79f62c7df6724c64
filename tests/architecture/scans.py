"""Searches over source text. Each returns one line of text per offence, empty when there is none."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from core.settings import ROOT

_SKIPPED = {".git", ".venv", "var", "runs", "artifacts", "node_modules", "__pycache__", ".gradio"}


@dataclass(frozen=True)
class Source:
    """One Python file, or a text that stands in for one."""

    path: Path
    text: str

    @property
    def tree(self) -> ast.Module:
        return _parsed(self.text)

    def __str__(self) -> str:
        return self.path.as_posix()


@lru_cache(maxsize=1024)
def _parsed(text: str) -> ast.Module:
    return ast.parse(text)


def snippet(text: str) -> Source:
    return Source(Path("snippet.py"), text)


def sources(*places: str) -> list[Source]:
    """The Python files of folders and files named relative to the root; those that are not there are left out."""
    paths = [p for place in places for p in _python_files(ROOT / place)]
    return [Source(p.relative_to(ROOT), p.read_text(encoding="utf-8")) for p in sorted(paths)]


def _python_files(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
    yield from (p for p in place.rglob("*.py") if not _SKIPPED & set(p.relative_to(ROOT).parts))


def tracked_files() -> list[Path]:
    """Files that belong to the repository: known to git or about to be, else everything outside ignored folders."""
    git = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(git, capture_output=True, check=True, timeout=60).stdout.decode().split("\0")
        files = [ROOT / name for name in listed if name]
    except (OSError, subprocess.SubprocessError):
        files = [p for p in ROOT.rglob("*") if not _SKIPPED & set(p.relative_to(ROOT).parts)]
    return [p for p in files if p.is_file()]


# ---- what is imported -------------------------------------------------------------------------------------------


def imports(source: Source) -> set[str]:
    """Full names of modules that a file imports anywhere in it, relative imports left out."""
    names: set[str] = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and _name(node.func).rsplit(".")[-1] in ("import_module", "__import__"):
            names |= {a.value for a in node.args[:1] if isinstance(a, ast.Constant) and isinstance(a.value, str)}
    return names


def forbidden_imports(source: Source, forbidden: set[str]) -> list[str]:
    top = {name.split(".")[0] for name in imports(source)}
    return [f"{source}: imports {name}" for name in sorted(top & forbidden)]


# ---- what is called ---------------------------------------------------------------------------------------------

_UNSAFE_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "joblib"}
_UNSAFE_CALLS = {
    "eval",
    "exec",
    "os.system",
    "os.popen",
    "pandas.read_pickle",
    "torch.hub.load",
    "torch.jit.load",
    "yaml.full_load",
    "yaml.full_load_all",
    "yaml.load",
    "yaml.load_all",
    "yaml.unsafe_load",
    "yaml.unsafe_load_all",
}


def unsafe_loads(source: Source) -> list[str]:
    """Ways to run code that came with data."""
    found = forbidden_imports(source, _UNSAFE_MODULES)
    aliases = _aliases(source.tree)
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and (what := _unsafe(_full_name(node.func, aliases), node)):
            found.append(f"{source}:{node.lineno}: {what}")
    return found


def _unsafe(name: str, call: ast.Call) -> str | None:
    if name in _UNSAFE_CALLS:
        return name
    if name == "torch.load" and not _is_true(call, "weights_only"):
        return "torch.load without weights_only=True"
    if name == "numpy.load" and not _absent_or_false(call, "allow_pickle"):
        return "numpy.load with allow_pickle"
    if not _absent_or_false(call, "shell"):
        return f"{name} with shell=True"
    if not _absent_or_false(call, "trust_remote_code"):
        return f"{name} with trust_remote_code"
    return None


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((k.value for k in call.keywords if k.arg == name), None)


def _is_true(call: ast.Call, name: str) -> bool:
    value = _keyword(call, name)
    return isinstance(value, ast.Constant) and value.value is True


def _absent_or_false(call: ast.Call, name: str) -> bool:
    value = _keyword(call, name)
    return value is None or (isinstance(value, ast.Constant) and not value.value)


def unverified_downloads(source: Source) -> list[str]:
    """Weights that a library would fetch by itself, without a hash of ours."""
    return [
        f"{source}:{node.lineno}: pretrained=True"
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and _is_true(node, "pretrained")
    ]


def calls_of(source: Source, name: str) -> list[str]:
    """Calls of a built-in function by its name."""
    calls = (n for n in ast.walk(source.tree) if isinstance(n, ast.Call))
    return [f"{source}:{n.lineno}: {name}()" for n in calls if isinstance(n.func, ast.Name) and n.func.id == name]


def bare_excepts(source: Source) -> list[str]:
    handlers = (n for n in ast.walk(source.tree) if isinstance(n, ast.ExceptHandler))
    return [f"{source}:{n.lineno}: bare except" for n in handlers if n.type is None]


def global_statements(source: Source) -> list[str]:
    nodes = (n for n in ast.walk(source.tree) if isinstance(n, ast.Global))
    return [f"{source}:{n.lineno}: global {', '.join(n.names)}" for n in nodes]


def empty_hints(source: Source) -> list[str]:
    """Errors whose hint says nothing."""
    calls = (n for n in ast.walk(source.tree) if isinstance(n, ast.Call) and _name(n.func).endswith("Error"))
    return [
        f"{source}:{n.lineno}: an empty hint"
        for n in calls
        if isinstance(hint := _keyword(n, "hint"), ast.Constant) and not str(hint.value).strip()
    ]


def _aliases(tree: ast.Module) -> dict[str, str]:
    """Local names of imported modules and of what was imported from them."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {a.asname: a.name for a in node.names if a.asname}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
    return names


def _full_name(node: ast.expr, aliases: dict[str, str]) -> str:
    first, dot, rest = _name(node).partition(".")
    return f"{aliases.get(first, first)}{dot}{rest}"


def _name(node: ast.expr) -> str:
    """Dotted name of an expression; "" where it is none."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = _name(node.value)
        return f"{base}.{node.attr}" if base else ""
    return ""


# ---- how long things are ----------------------------------------------------------------------------------------


def too_long(source: Source, most: int) -> list[str]:
    lines = len(source.text.splitlines())
    return [f"{source}: {lines} lines"] if lines > most else []


def function_lengths(source: Source) -> list[tuple[int, str]]:
    """Lines of every function from ``def`` to its end, with where it is."""
    functions = (n for n in ast.walk(source.tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
    return [((n.end_lineno or n.lineno) - n.lineno + 1, f"{source}:{n.lineno} {n.name}") for n in functions]


# ---- what a text may not say ------------------------------------------------------------------------------------


def words_in(path: Path, text: str, words: tuple[str, ...]) -> list[str]:
    return [
        f"{path.as_posix()}:{number}: {word}"
        for number, line in enumerate(text.splitlines(), start=1)
        for word in words
        if word in line
    ]
