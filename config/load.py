"""Read the options from the environment and `earmark.toml`, and name every mistake at once."""

from __future__ import annotations

import difflib
import os
import re
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn

from config.options import ROOT, SPECS, Options, Spec, env_name

# Variables that begin like ours and are none of our options: read by the tests, or before the options are.
NOT_OPTIONS = frozenset({"EARMARK_CONFIG", "EARMARK_CORPUS"})
# Kubernetes announces a service called "earmark" by such variables; they are not addressed to us.
SERVICE_LINK = re.compile(r"^EARMARK_(?:.*_)?(?:SERVICE_HOST|SERVICE_PORT(?:_.*)?|PORT_\d+_.*)$")

KNOWN_KEYS = re.compile(
    r"django-insecure|change.?me|secret.?key|example|earmark|password|0123456789|abcdefgh", re.I
)


class OptionsError(Exception):
    """Carry every problem found in the options, one sentence each."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


def load(environ: Mapping[str, str], file: Path | None = None) -> Options:
    """Read the options; raise `OptionsError` naming every wrong or unknown value at once."""
    problems: list[str] = []
    found: dict[str, tuple[object, str]] = {}
    written = _read_file(_config_file(environ) if file is None else file, problems)
    for name, value in written.items():
        if name in SPECS:
            found[name] = (value, "earmark.toml")
        else:
            problems.append(f"earmark.toml: there is no option `{name}`{_did_you_mean(name, list(SPECS))}.")
    _read_environment(environ, found, problems)

    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for f in fields(Options):
        spec: Spec | None = f.metadata.get("spec")
        if spec is None:
            continue
        raw, sources[f.name] = found.get(f.name, (f.default, "default"))
        if f.name not in found and (raw is None or not isinstance(raw, str) or raw == ""):
            values[f.name] = raw
            continue
        if f.name not in found and isinstance(raw, str):
            raw = _filled(raw, values)
        try:
            values[f.name] = spec.kind.read(raw, ROOT)
        except ValueError as error:
            shown = "the value given" if spec.secret else repr(raw)
            problems.append(f"{_named(f.name, sources[f.name])}: expected {error}, got {shown}.")
            values[f.name] = _fallback(f.default, values)
    options = Options(**values, sources=sources)
    _check_together(options, problems)
    if problems:
        raise OptionsError(problems)
    return options


def load_or_exit() -> Options:
    """Read the options of this process, or say what is wrong with them and exit with status 2."""
    try:
        return load(os.environ)
    except OptionsError as error:
        refuse(error)


def refuse(error: OptionsError) -> NoReturn:
    """Print the problems and leave with status 2, without a traceback."""
    count = len(error.problems)
    print(f"Earmark does not start: {count} option{'s are' if count > 1 else ' is'} wrong.", file=sys.stderr)  # noqa: T201
    for problem in error.problems:
        print(f"  - {problem}", file=sys.stderr)  # noqa: T201
    print("`manage.py options` lists every option with its meaning.", file=sys.stderr)  # noqa: T201
    raise SystemExit(2)


def _config_file(environ: Mapping[str, str]) -> Path:
    named = environ.get("EARMARK_CONFIG")
    return Path(named) if named else ROOT / "earmark.toml"


def _read_file(path: Path, problems: list[str]) -> dict[str, object]:
    """Return the keys of `path`; tables only group them for the reader."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        problems.append(f"{path}: expected a readable TOML file: {error}.")
        return {}
    flat: dict[str, object] = {}
    for key, value in data.items():
        flat.update(value if isinstance(value, dict) else {key: value})
    return flat


def _read_environment(
    environ: Mapping[str, str], found: dict[str, tuple[object, str]], problems: list[str]
) -> None:
    names = {env_name(name): name for name in SPECS}
    files = {f"{env_name(name)}_FILE": name for name, spec in SPECS.items() if spec.secret}
    for variable, value in environ.items():
        if variable in names:
            if value != "":
                found[names[variable]] = (value, variable)
        elif variable.startswith("EARMARK_") and not _expected_stranger(variable, files):
            problems.append(
                f"{variable}: there is no such option{_did_you_mean(variable, [*names, *files])}."
            )
    for variable, name in files.items():
        path = environ.get(variable)
        if not path:
            continue
        if environ.get(env_name(name)):
            problems.append(f"{variable} and {env_name(name)} are both set: keep one.")
            continue
        try:
            found[name] = (Path(path).read_text(encoding="utf-8").strip(), variable)
        except (OSError, UnicodeDecodeError) as error:
            problems.append(f"{variable}: expected a file that can be read, got {path!r}: {error}.")


def _expected_stranger(variable: str, files: Mapping[str, str]) -> bool:
    return variable in files or variable in NOT_OPTIONS or SERVICE_LINK.match(variable) is not None


def _check_together(options: Options, problems: list[str]) -> None:
    """Add the problems that no single value shows."""
    if options.secret_key and (
        KNOWN_KEYS.search(options.secret_key) or len(set(options.secret_key)) < 10  # a repeated pattern
    ):
        problems.append(
            f"{_named('secret_key', options.sources['secret_key'])}: expected a random key, got one that is "
            "known or easily guessed. Remove it: one is made on first run."
        )
    if options.debug and options.tls:
        problems.append("EARMARK_DEBUG: expected false while public_url is https: debug pages show secrets.")
    if options.reconcile_interval_s > 10 * options.claim_lease_s:
        problems.append(
            "EARMARK_RECONCILE_INTERVAL_S: expected at most ten times EARMARK_CLAIM_LEASE_S "
            f"({options.claim_lease_s}), got {options.reconcile_interval_s}: dead workers' rows would wait."
        )
    problems.extend(
        f"{env_name(name)} is set without DATABASE_URL: set both, or neither."
        for name in ("database_owner_url", "database_readonly_url")
        if getattr(options, name) and not options.database_url
    )


def _named(name: str, source: str) -> str:
    return (
        f"{source} `{name}`"
        if source == "earmark.toml"
        else env_name(name)
        if source == "default"
        else source
    )


def _did_you_mean(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
    return f": did you mean `{near[0]}`?" if near else ""


def _fallback(default: object, values: Mapping[str, Any]) -> object:
    """Return something of the right type, so that checking goes on after a wrong value."""
    return _filled(default, values) if isinstance(default, str) else default


def _filled(default: str, values: Mapping[str, Any]) -> str:
    """Fill a default that is made of other options; `reachable` is the host as a browser writes it."""
    host = str(values.get("host", ""))
    reachable = "127.0.0.1" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host  # noqa: S104
    return default.format(**values, reachable=reachable)
