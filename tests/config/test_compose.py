"""docker-compose.yml says what the Compose specification allows, and runs the commands of the site."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from config import processes
from config.embedded.service import Embedded
from config.load import load
from config.options import SPECS, env_name
from tests import services

ROOT = services.ROOT
SERVICE_KEYS = {
    "build", "cap_drop", "command", "depends_on", "deploy", "entrypoint", "environment", "healthcheck",
    "image", "init", "logging", "networks", "ports", "profiles", "read_only", "restart", "secrets",
    "security_opt", "shm_size", "stop_grace_period", "tmpfs", "volumes",
}  # fmt: skip
TOP_KEYS = {"name", "services", "networks", "volumes", "secrets"}
KEY = "k9Jx2_vQ7mLr4TzWc8Nf1YbHs6DgPe3RuAi5OoKjXwVtZqMnBl0CyFhGdSaEp"
CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}
DURATION = re.compile(r"^(\d+h)?(\d+m)?(\d+s)?(\d+ms)?$")
WORKERS = ("worker-audio", "worker-draft", "worker-refine", "worker-files", "worker-gpu0")
OURS = ("web", *WORKERS, "schedule")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return found


@pytest.fixture(scope="module")
def our_services(compose: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = compose["services"]
    return found


def test_only_keys_of_the_specification_are_used(compose: dict[str, Any]) -> None:
    assert {key for key in compose if not key.startswith("x-")} <= TOP_KEYS
    for name, service in compose["services"].items():
        assert re.fullmatch(r"[a-zA-Z0-9._-]+", name)
        assert set(service) <= SERVICE_KEYS, name
        assert service.get("image") or service.get("build"), name
        if build := service.get("build"):
            assert set(build) <= {"context", "target", "dockerfile", "args"}
        for key in ("command", "entrypoint"):
            words = service.get(key, [])
            assert isinstance(words, list), f"{name}.{key} goes through a shell nobody asked for"
            assert all(isinstance(word, str) for word in words), f"{name}.{key}: quote {words}"
        environment = service.get("environment", {})
        assert all(isinstance(value, str) for value in environment.values()), name
        assert service.get("restart", "no") in ("no", "always", "on-failure", "unless-stopped")
        for port in service.get("ports", []):
            assert re.fullmatch(r"(\d+\.){3}\d+:\d+:\d+", port)
        for volume in service.get("volumes", []):
            assert re.fullmatch(r"[a-z]+:/[\w/]+", volume)
        if grace := service.get("stop_grace_period"):
            assert DURATION.fullmatch(grace)


def test_every_reference_has_its_definition(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for kind in ("networks", "secrets"):
            assert set(service.get(kind, [])) <= set(compose[kind]), name
        volumes = {volume.split(":")[0] for volume in service.get("volumes", [])}
        assert volumes <= set(compose["volumes"]), name
        for needed, how in service.get("depends_on", {}).items():
            assert needed in compose["services"], name
            assert set(how) == {"condition"}
            assert how["condition"] in CONDITIONS
            if how["condition"] == "service_healthy":
                assert "healthcheck" in compose["services"][needed]


def test_health_checks_are_well_formed(our_services: dict[str, Any]) -> None:
    for name, service in our_services.items():
        check = service.get("healthcheck")
        if check is None:
            assert name in ("prepare", "manage", "schedule"), f"{name} has no health check"
            continue
        assert set(check) <= {"test", "interval", "timeout", "retries", "start_period"}
        assert check["test"][0] in ("CMD", "CMD-SHELL")
        for key in ("interval", "timeout", "start_period"):
            assert DURATION.fullmatch(check[key]), name


def test_commands_are_those_of_the_site(our_services: dict[str, Any]) -> None:
    options = load({"EARMARK_HOST": "0.0.0.0"}, Path("/nonexistent"))  # noqa: S104 - in a container
    for cards in ((), ("0",)):
        for process in processes.everything(options, cards):
            assert our_services[process.name]["command"] == list(process.command)
            environment = our_services[process.name]["environment"]
            for name, value in process.env.items():
                # A container is given its card and sees no other.
                assert environment.get(name) == value or name in (
                    "CUDA_VISIBLE_DEVICES",
                    "LD_LIBRARY_PATH",  # the image sets it
                ), (process.name, name)


def test_the_command_becomes_a_python_module_in_the_image() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert 'ENTRYPOINT ["python", "-m"]' in dockerfile
    assert re.search(r"^USER (?!root)\w+$", dockerfile, re.MULTILINE)
    stages = set(re.findall(r"^FROM \S+ AS (\S+)$", dockerfile, re.MULTILINE))
    assert {"site", "gpu"} <= stages
    for copied in re.findall(r"^COPY (?!--from)([^\n]+) \S+$", dockerfile, re.MULTILINE):
        for source in copied.split():
            if not source.startswith("workbench"):
                assert (ROOT / source).exists(), source


def test_every_option_that_is_set_exists_and_is_right(our_services: dict[str, Any], tmp_path: Path) -> None:
    for name in OURS:
        environ = {}
        for variable, value in our_services[name]["environment"].items():
            plain = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)
            if variable.endswith("_FILE"):
                secret = tmp_path / Path(plain).name
                secret.write_text(KEY)
                plain = str(secret)
            environ[variable] = plain
        options = load(environ, Path("/nonexistent"))
        assert options.self_sufficient, f"{name} would need a file of secrets of its own"
        assert not options.debug


def test_no_secret_is_written_down(compose: dict[str, Any]) -> None:
    secret = {env_name(name) for name, spec in SPECS.items() if spec.secret}
    for service in compose["services"].values():
        for variable, value in service.get("environment", {}).items():
            if variable in secret:
                assert not re.search(r"//[^/@]*:[^/@]+@", value), variable
            if "PASSWORD" in variable or "KEY" in variable:
                assert variable.endswith("_FILE"), variable
                assert value.startswith("/run/secrets/")
    for secret_file in compose["secrets"].values():
        assert secret_file["file"].startswith("deploy/secrets/")
    assert "/deploy/secrets/" in (ROOT / ".gitignore").read_text()


def test_only_the_step_that_migrates_knows_the_owner(our_services: dict[str, Any]) -> None:
    for name, service in our_services.items():
        powerful = {"owner_password", "postgres_password"} & set(service.get("secrets", []))
        assert not powerful or name in ("prepare", "postgres"), name


def test_our_services_are_caged(compose: dict[str, Any], our_services: dict[str, Any]) -> None:
    for name in OURS:
        service = our_services[name]
        assert service["read_only"] is True
        assert service["init"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["stop_grace_period"] == "40s"
    assert compose["networks"]["inside"] == {"internal": True}
    for name in ("worker-audio", "worker-files"):
        assert our_services[name]["networks"] == ["inside"], "what strangers sent is read here"
    for name in ("postgres", "redis"):
        assert our_services[name]["networks"] == ["inside"]
        assert "ports" not in our_services[name]


def test_redis_keeps_doorbells(our_services: dict[str, Any]) -> None:
    command = our_services["redis"]["command"][-1]
    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command
    assert "$$(cat" in command, "a single $ would be replaced by Compose"


def test_the_gpu_is_asked_for_only_by_its_profile(our_services: dict[str, Any]) -> None:
    for name, service in our_services.items():
        devices = service.get("deploy", {}).get("resources", {}).get("reservations", {}).get("devices", [])
        if "gpu" in name:
            assert devices == [{"driver": "nvidia", "device_ids": ["0"], "capabilities": ["gpu"]}]
            assert service["profiles"] == ["gpu"]
            assert service["environment"]["EARMARK_DEVICE"] == "cuda"
        else:
            assert not devices


def test_the_secrets_are_made_once(tmp_path: Path, compose: dict[str, Any]) -> None:
    script = tmp_path / "make-secrets"
    script.write_text((ROOT / "deploy" / "make-secrets").read_text())
    subprocess.run([sys.executable, str(script)], check=True, capture_output=True)
    made = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    assert set(made) == set(compose["secrets"])
    assert len(set(made.values())) == len(made)
    assert all(len(value) >= 40 for value in made.values())
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    subprocess.run([sys.executable, str(script)], check=True, capture_output=True)
    assert {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()} == made


@pytest.mark.slow
def test_the_step_that_prepares_makes_roles_and_tables_and_may_be_repeated(tmp_path: Path) -> None:
    """The command of `prepare`, on a PostgreSQL named by addresses and files as in the containers."""
    home = Path(tempfile.mkdtemp(prefix="earmark-compose-"))
    home.chmod(0o711 if os.geteuid() == 0 else 0o700)
    with Embedded(home, "a test", with_redis=False) as server:
        host = server.places.pg_run
        environ = services.environment(
            EARMARK_HOME=str(tmp_path / "home"),
            ADMIN_DATABASE_URL=f"postgresql://postgres@/postgres?host={host}",
            DATABASE_URL=f"postgresql://earmark_app@/compose?host={host}",
            DATABASE_OWNER_URL=f"postgresql://earmark_owner@/compose?host={host}",
            DATABASE_READONLY_URL=f"postgresql://earmark_readonly@/compose?host={host}",
            REDIS_URL="redis://127.0.0.1:1/0",
        )
        for variable, value in (
            ("ADMIN_DATABASE_PASSWORD_FILE", server.secrets.postgres_password),
            ("EARMARK_SECRET_KEY_FILE", KEY),
            ("EARMARK_DATABASE_PASSWORD_FILE", "compose-app-password"),
            ("EARMARK_DATABASE_OWNER_PASSWORD_FILE", "compose-owner-password"),
            ("EARMARK_DATABASE_READONLY_PASSWORD_FILE", "compose-readonly-password"),
        ):
            file = tmp_path / variable
            file.write_text(value + "\n")
            environ[variable] = str(file)
        compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
        command = compose["services"]["prepare"]["command"][0].replace("python ", f"{sys.executable} ")
        for _ in range(2):
            done = subprocess.run(
                ["sh", "-c", command], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
        with psycopg.connect(
            host=str(host), user="earmark_app", password="compose-app-password", dbname="compose"
        ) as app:
            assert app.execute("SELECT count(*) > 20 FROM django_migrations").fetchone() == (True,)
        assert not (tmp_path / "home" / "secrets.toml").exists()
    shutil.rmtree(home)
