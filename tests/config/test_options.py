"""Options: every wrong value is named with what was expected, all at once, and nothing starts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from config.load import OptionsError, load
from config.options import SPECS, Options, env_name
from tests import services

GOOD_KEY = "k9Jx2_vQ7mLr4TzWc8Nf1YbHs6DgPe3RuAi5OoKjXwVtZqMnBl0CyFhGdSaEp"


def options(**environ: str) -> Options:
    return load(environ, Path("/nonexistent"))


def problems(**environ: str) -> list[str]:
    with pytest.raises(OptionsError) as caught:
        options(**environ)
    return caught.value.problems


def test_nothing_needs_to_be_set() -> None:
    found = options()
    assert (found.host, found.port, found.public_url) == ("127.0.0.1", 8000, "http://127.0.0.1:8000")
    assert found.debug is False
    assert found.media_root == found.home / "media"


def test_defaults_follow_what_they_are_made_of() -> None:
    found = options(EARMARK_PORT="9000", EARMARK_HOME="/srv/earmark")
    assert found.public_url == "http://127.0.0.1:9000"
    assert found.models_dir == Path("/srv/earmark/models")


def test_the_address_people_type_is_one_they_can_type() -> None:
    assert options(EARMARK_HOST="0.0.0.0").public_url == "http://127.0.0.1:8000"  # noqa: S104
    assert options(EARMARK_HOST="::1").public_url == "http://[::1]:8000"


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("EARMARK_PORT", "eighty", "a whole number from 1 to 65535"),
        ("EARMARK_PORT", "0", "a whole number from 1 to 65535"),
        ("EARMARK_PORT", "65536", "a whole number from 1 to 65535"),
        ("EARMARK_PORT", "1e3", "a whole number"),
        ("EARMARK_HOST", "http://x", "an address such as"),
        ("EARMARK_PUBLIC_URL", "earmark.example.org", "begins with http:// or https://"),
        ("EARMARK_PUBLIC_URL", "https://example.org/earmark", "nothing behind the host and port"),
        ("EARMARK_PUBLIC_URL", "https://example.org:port", "valid host and port"),
        ("EARMARK_ALLOWED_HOSTS", "*", "`*` is not accepted"),
        ("EARMARK_DEBUG", "perhaps", "true or false"),
        ("EARMARK_HOME", "/dev/null", "a directory (this is something else)"),
        ("EARMARK_UPLOAD_MAX_BYTES", "5 parsecs", "a size"),
        ("EARMARK_UPLOAD_MAX_BYTES", "-1", "a size"),
        ("EARMARK_CLAIM_LEASE_S", "0", "a time from 1"),
        ("EARMARK_DEVICE", "tpu", "one of auto, cpu, cuda"),
        ("EARMARK_COMPUTE_TYPE", "int4", "one of default, auto, int8"),
        ("EARMARK_LOG_LEVEL", "LOUD", "one of DEBUG, INFO"),
        ("EARMARK_DEFAULT_DRAFT_MODEL", "a\nb", "text on one line"),
        ("EARMARK_FAKE_ENGINE", "seconds", "named numbers"),
        ("DATABASE_URL", "mysql://host/db", "begins with postgresql:// or postgres://"),
        ("DATABASE_URL", "postgresql://", "names a host or a socket"),
        ("REDIS_URL", "http://host", "begins with redis:// or rediss:// or unix://"),
        ("FFMPEG_BINARY", "/no/such/ffmpeg", "a program that can be run"),
        ("EARMARK_SECRET_KEY", "short", "at least 50 characters"),
        ("EARMARK_ADMIN_PATH", "a/b", "one part of an address"),
        ("EARMARK_ADMIN_PATH", "api", "/api is the site's own"),
        ("EARMARK_ADMIN_PATH", "/static/", "/static is the site's own"),
        ("EARMARK_ADMIN_NETWORKS", "10.0.0.0/33", "networks separated by commas"),
        ("EARMARK_ADMIN_NETWORKS", "10.0.0.1/8", "networks separated by commas"),
        ("EARMARK_ADMIN_SECOND_FACTOR", "import os", "the dotted path of a function"),
    ],
)
def test_a_wrong_value_is_named_with_what_was_expected(variable: str, value: str, expected: str) -> None:
    (problem,) = problems(**{variable: value})
    assert problem.startswith(f"{variable}: expected")
    assert expected in problem


def test_all_problems_are_told_at_once() -> None:
    told = problems(EARMARK_PORT="x", EARMARK_DEVICE="y", EARMARK_PROT="1", REDIS_URL="z://")
    assert [problem.split(":")[0] for problem in told] == [
        "EARMARK_PROT", "EARMARK_PORT", "REDIS_URL", "EARMARK_DEVICE",
    ]  # fmt: skip


def test_an_unknown_option_suggests_the_one_that_was_meant() -> None:
    (problem,) = problems(EARMARK_MEDIA_ROOTS="/x")
    assert "did you mean `EARMARK_MEDIA_ROOT`?" in problem


def test_what_kubernetes_announces_about_a_service_is_not_an_option() -> None:
    options(
        EARMARK_SERVICE_HOST="10.0.0.1", EARMARK_SERVICE_PORT="80", EARMARK_PORT_80_TCP="tcp://10.0.0.1:80"
    )


@pytest.mark.parametrize(
    "key",
    [
        "django-insecure-" + GOOD_KEY,
        "changeme" * 8,
        "a" * 64,
        "my-secret-key-" + GOOD_KEY,
    ],
)
def test_a_known_or_guessable_key_is_refused(key: str) -> None:
    (problem,) = problems(EARMARK_SECRET_KEY=key)
    assert "known or easily guessed" in problem
    assert key not in problem


def test_a_wrong_secret_is_never_shown() -> None:
    (problem,) = problems(DATABASE_URL="mysql://me:hunter22@host/db")
    assert "hunter22" not in problem


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(GOOD_KEY + "\n")
    found = options(EARMARK_SECRET_KEY_FILE=str(file))
    assert found.secret_key == GOOD_KEY
    assert found.sources["secret_key"] == "EARMARK_SECRET_KEY_FILE"


def test_a_secret_given_twice_or_from_a_missing_file_is_refused(tmp_path: Path) -> None:
    (problem,) = problems(EARMARK_SECRET_KEY=GOOD_KEY, EARMARK_SECRET_KEY_FILE="/x")
    assert "keep one" in problem
    (problem,) = problems(DATABASE_URL_FILE=str(tmp_path / "none"))
    assert problem.startswith("DATABASE_URL_FILE: expected a file that can be read")


def test_only_secrets_have_a_file_variant() -> None:
    (problem,) = problems(EARMARK_PORT_FILE="/x")
    assert "no such option" in problem


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "earmark.toml"
    file.write_text('port = 9001\n[uploads]\nupload_max_bytes = "2G"\nlog_level = "warning"\n')
    found = load({"EARMARK_LOG_LEVEL": "error"}, file)
    assert (found.port, found.upload_max_bytes, found.log_level) == (9001, 2 * 1024**3, "ERROR")
    assert found.sources["port"] == "earmark.toml"
    assert found.sources["log_level"] == "EARMARK_LOG_LEVEL"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("prot = 1", "there is no option `prot`: did you mean `port`?"),
        ("port = true", "earmark.toml `port`: expected a whole number"),
        ('port = "x', "expected a readable TOML file"),
        ("debug = 1.5", "expected true or false"),
    ],
)
def test_a_wrong_file_is_named_too(tmp_path: Path, text: str, expected: str) -> None:
    file = tmp_path / "earmark.toml"
    file.write_text(text)
    with pytest.raises(OptionsError) as caught:
        load({}, file)
    assert expected in caught.value.problems[0]


def test_contradictions_are_named() -> None:
    assert "debug pages show secrets" in problems(EARMARK_DEBUG="1", EARMARK_PUBLIC_URL="https://a.org")[0]
    assert "without DATABASE_URL" in problems(DATABASE_OWNER_URL="postgresql://o@h/d")[0]
    assert (
        "dead workers' rows would wait"
        in problems(EARMARK_RECONCILE_INTERVAL_S="1h", EARMARK_CLAIM_LEASE_S="5")[0]
    )


def test_sizes_and_times_are_read_as_people_write_them() -> None:
    found = options(EARMARK_UPLOAD_MAX_BYTES="512 MiB", EARMARK_SESSION_AGE_S="12h", EARMARK_LEASE_TTL_S="90")
    assert (found.upload_max_bytes, found.session_age_s, found.lease_ttl_s) == (512 * 1024**2, 43_200, 90)


def test_every_option_says_what_it_is_for() -> None:
    for name, spec in SPECS.items():
        assert spec.meaning, name
        assert env_name(name).isupper()


def run(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=services.ROOT,
        env=services.environment(**environ),
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_process_with_wrong_options_refuses_to_start_without_a_traceback() -> None:
    result = run("check", EARMARK_PORT="x", EARMARK_DEVICE="y")
    assert result.returncode == 2
    assert "2 options are wrong" in result.stderr
    assert "EARMARK_PORT" in result.stderr
    assert "EARMARK_DEVICE" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_list_of_options_masks_secrets() -> None:
    result = run("options", EARMARK_SECRET_KEY=GOOD_KEY, EARMARK_PORT="8123")
    assert result.returncode == 0, result.stderr
    assert GOOD_KEY not in result.stdout
    assert "EARMARK_SECRET_KEY = ***  (from EARMARK_SECRET_KEY)" in result.stdout
    assert "EARMARK_PORT = 8123  (from EARMARK_PORT)" in result.stdout
    for name in SPECS:
        assert env_name(name) in result.stdout
