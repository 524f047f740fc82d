"""Make this checkout runnable with what the machine has: `python3 -m config.install runtime|test`.

Uses the standard library only, because nothing is installed yet. Every part is skipped when what it is made
from has not changed, so that the second time costs milliseconds.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from config import console

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCKS = ROOT / "requirements"
WORKBENCH = ROOT / "workbench"
DIST = WORKBENCH / "dist"
OLDEST_NODE = (20, 19)


class InstallFailed(Exception):
    """Say what could not be installed, why, and what to do."""


def main(argv: list[str]) -> int:
    """Install the named set of packages and build the front end; return the exit status."""
    wanted = argv[0] if argv else "runtime"
    if sys.version_info < (3, 11):  # noqa: UP036 - this file is what an older Python would run into
        console.fail(
            f"Earmark needs Python 3.11 or newer, not {sys.version.split()[0]}: set PYTHON=/path/to/it"
        )
        return 1
    problems: list[InstallFailed] = []

    def build() -> None:
        try:
            build_front_end()
        except InstallFailed as error:
            problems.append(error)

    try:
        make_venv()
        # With a Node.js of the machine's own the two installations have nothing to do with each other.
        beside = threading.Thread(target=build) if _system_node() else None
        if beside:
            beside.start()
        try:
            install(wanted)
        finally:
            if beside:
                beside.join()
        if not beside:
            build()
    except InstallFailed as error:
        console.fail(str(error))
        return 1
    except KeyboardInterrupt:
        console.fail("interrupted; run the same command again to go on")
        return 130
    for problem in problems:
        # Pages work without the bundle: this is worth a line, not the end.
        console.note("front end", str(problem))
    return 0


def make_venv() -> None:
    """Make the virtual environment, or make it anew when its Python has gone."""
    if PYTHON.exists():
        return
    began = time.monotonic()
    with console.step("Python environment"):
        if VENV.is_symlink() or VENV.exists():
            shutil.rmtree(VENV, ignore_errors=True)
        try:
            _quietly([sys.executable, "-m", "venv", str(VENV)])
        except InstallFailed as error:
            # Debian splits ensurepip off; a pip of the machine's own can fill the environment from outside.
            if not _works([sys.executable, "-m", "pip", "--version"]):
                raise InstallFailed(
                    f"a virtual environment cannot be made and there is no pip:\n{error}\n"
                    "On Debian or Ubuntu: apt-get install python3-venv"
                ) from error
            shutil.rmtree(VENV, ignore_errors=True)
            _quietly([sys.executable, "-m", "venv", "--without-pip", str(VENV)])
    console.done("Python environment", f"Python {sys.version.split()[0]}, {time.monotonic() - began:.1f} s")


def install(wanted: str) -> None:
    """Install exactly the packages of a lock file, checked by their hashes."""
    lock = LOCKS / f"{wanted}.lock"
    digest = _digest(lock.read_bytes())
    if _stamp(wanted).is_file() and _stamp(wanted).read_text() == digest:
        console.done("packages", "unchanged")
        return
    if (
        wanted == "runtime"
        and _stamp("test").is_file()
        and _stamp("test").read_text() == _lock_digest("test")
    ):
        console.done("packages", "unchanged")  # the test lock contains the other
        return
    count = len(re.findall(r"^[A-Za-z0-9][^ #]*==", lock.read_text(), re.MULTILINE))
    began = time.monotonic()
    with console.step("packages") as status:
        seen = 0

        def watch(text: str) -> None:
            nonlocal seen
            if text.startswith(("Collecting", "Requirement already")):
                seen += 1
            if text.startswith("Installing collected"):
                status.update("writing files")
            elif match := re.match(
                r"\s*(?:Collecting|Downloading|Using cached)\s+(?:\S*/)?([A-Za-z0-9_.\-]+)", text
            ):
                status.update(f"{min(seen, count)} of {count}  {match[1]}")

        _run([*_pip(), "install", "--require-hashes", "--no-deps", "--no-compile", "-r", str(lock)], watch)
    _stamp(wanted).write_text(digest)
    console.done("packages", f"{count} installed from {lock.name}, {time.monotonic() - began:.1f} s")


def build_front_end() -> None:
    """Build `workbench/` when its sources have changed; a machine without Node.js gets one as a wheel."""
    if not (WORKBENCH / "package.json").is_file():
        return
    digest = _sources_digest()
    stamp = DIST / ".built-from"
    if stamp.is_file() and stamp.read_text() == digest:
        console.done("front end", "unchanged")
        return
    began = time.monotonic()
    environment = dict(os.environ)
    if not _system_node():
        _install_node()
        environment["PATH"] = f"{VENV / 'bin'}:{environment.get('PATH', '')}"
        # The wheel's Node.js knows the public authorities only; the machine may trust others too.
        authorities = Path("/etc/ssl/certs/ca-certificates.crt")
        if authorities.is_file():
            environment.setdefault("NODE_EXTRA_CA_CERTS", str(authorities))
    npm = shutil.which("npm", path=environment["PATH"])
    if npm is None:
        raise InstallFailed(
            "there is a Node.js but no npm; pages work, without live progress and resumable uploads."
        )
    with console.step("front end") as status:
        modules = WORKBENCH / "node_modules" / ".installed-from"
        packages = _digest((WORKBENCH / "package-lock.json").read_bytes())
        if not (modules.is_file() and modules.read_text() == packages):
            status.update("npm ci")
            _quietly([npm, "ci", "--no-audit", "--no-fund"], cwd=WORKBENCH, env=environment)
            modules.write_text(packages)
        status.update("npm run build")
        _quietly([npm, "run", "build"], cwd=WORKBENCH, env=environment)
    stamp.write_text(digest)
    console.done("front end", f"built in {time.monotonic() - began:.1f} s")


def _install_node() -> None:
    if (
        (VENV / "bin" / "node").exists()
        and _stamp("node").is_file()
        and _stamp("node").read_text() == _lock_digest("node")
    ):
        return
    with console.step("Node.js"):
        _quietly([*_pip(), "install", "--require-hashes", "--no-deps", "-q", "-r", str(LOCKS / "node.lock")])
    _stamp("node").write_text(_lock_digest("node"))
    console.done("Node.js", "from a wheel, because this machine has none that is new enough")


def _system_node() -> bool:
    try:
        said = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
        return tuple(int(n) for n in said.strip().lstrip("v").split(".")[:2]) >= OLDEST_NODE
    except (OSError, subprocess.CalledProcessError, ValueError):
        return False


def _pip() -> list[str]:
    own = [str(PYTHON), "-m", "pip"]
    pip = own if _works([*own, "--version"]) else [sys.executable, "-m", "pip", "--python", str(PYTHON)]
    return [*pip, "--disable-pip-version-check", "--no-input"]


def _stamp(wanted: str) -> Path:
    return VENV / f".installed-{wanted}"


def _lock_digest(wanted: str) -> str:
    return _digest((LOCKS / f"{wanted}.lock").read_bytes())


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _sources_digest() -> str:
    """Return a digest of every source of the front end, by path and content."""
    total = hashlib.sha256()
    for folder, folders, files in os.walk(WORKBENCH):
        folders[:] = sorted(name for name in folders if name not in ("node_modules", "dist"))
        for name in sorted(files):
            path = Path(folder) / name
            total.update(str(path.relative_to(WORKBENCH)).encode() + b"\0" + path.read_bytes() + b"\0")
    return total.hexdigest()


def _works(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _quietly(command: list[str], *, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> None:
    _run(command, lambda _: None, cwd=cwd, env=env)


def _run(
    command: list[str],
    watch: Callable[[str], None],
    *,
    cwd: Path = ROOT,
    env: Mapping[str, str] | None = None,
) -> None:
    """Run a command and show each of its lines to `watch`; raise with the last ones when it fails."""
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=env,
            text=True,
        )
    except OSError as error:
        raise InstallFailed(f"{command[0]} cannot be run: {error.strerror}") from error
    output: list[str] = []
    with process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        for text in process.stdout:
            output.append(text.rstrip())
            watch(text)
    if process.returncode:
        shown = " ".join(Path(word).name if "/" in word else word for word in command[:6])
        raise InstallFailed(f"`{shown}` failed:\n" + "\n".join(output[-12:]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
