"""What surrounds the code agrees with it: the variables that are documented, the compose file and the image."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands

ROOT = Path(__file__).resolve().parent.parent.parent


# --- settings and their documentation


def names_read() -> set[str]:
    """The variables that settings really read, embedded and as a server."""
    program = "import payos.settings; print(*payos.settings.env.read)"
    found: set[str] = set()
    for command in ([sys.executable, "-c", program], [sys.executable, "-c", SERVER + program]):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        found |= set(done.stdout.split())
    return found


SERVER = "import os; from payos.supervisor import deploycheck; os.environ.update(deploycheck.environment());"


def documented() -> dict[str, str]:
    matches = re.finditer(r"^#?([A-Z][A-Z_]+)=(\S*)$", (ROOT / ".env.example").read_text(), re.MULTILINE)
    return {match[1]: match[2] for match in matches}


def test_every_variable_is_documented_and_every_documented_one_is_read() -> None:
    assert set(documented()) == names_read()


def test_nothing_else_reads_the_environment_behind_the_back_of_settings() -> None:
    # The supervisor hands the environment on; the sandbox is a stranger with options of its own.
    # Sample files are a matter of tests and reports; the metrics library takes its folder from the environment itself.
    allowed = {
        "payos/environment.py",
        "payos/settings.py",
        "payos/wsgi.py",
        "payos/celery.py",
        "ingestion/parsers/corpus.py",
        "payos/kernel/metrics.py",
    }
    houses = [path.parent.name for path in ROOT.glob("*/apps.py")]
    offenders = []
    for folder in ["payos", *houses]:
        for path in (ROOT / folder).rglob("*.py"):
            name = str(path.relative_to(ROOT))
            if (
                name in allowed
                or name.startswith("payos/supervisor/")
                or name.endswith("commands/serve.py")
                or "/codesamples/" in name
                or "/chaos/" in name
            ):
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}:
                    offenders.append(f"{name}:{node.lineno}")
    assert not offenders


def test_the_documented_values_make_sense_to_settings(tmp_path: Path) -> None:
    clean = {name: value for name, value in os.environ.items() if name.removesuffix("_FILE") not in documented()}
    example = documented() | {"DEBUG": "false", "HTTPS": "true", "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    program = "import payos.settings as s; print(s.EMBEDDED, s.DEBUG, s.SESSION_COOKIE_SECURE)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, env=clean | example)
    assert done.stdout.split() == ["False", "False", "True"], done.stderr


# --- compose file and image


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "docker-compose.yml").read_text()))


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, Any]:
    return dict(compose["services"])


OURS = {"web", "worker", "beat", "migrate"}


def test_all_the_services_are_there_with_health_checks_and_limits_on_what_they_see(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == OURS | {"postgres", "pgbouncer", "valkey", "kafka"}
    for name, service in compose["services"].items():
        assert ("healthcheck" in service) == (name != "migrate"), name
        for secret in service.get("secrets", []):
            assert secret in compose["secrets"], f"{name}: no secret {secret}"
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in compose["volumes"] or (ROOT / source).is_file(), f"{name}: {source}"
    for name in ("postgres", "valkey", "kafka"):
        assert any(volume.split(":")[0] in compose["volumes"] for volume in compose["services"][name]["volumes"]), name
    # Nothing but the web server answers to the outside.
    assert [name for name, service in compose["services"].items() if "ports" in service] == ["web"]


def test_dependencies_exist_can_be_waited_for_and_go_round_in_no_circle(services: dict[str, Any]) -> None:
    needs = {name: set(service.get("depends_on", {})) for name, service in services.items()}
    for name, service in services.items():
        for other, how in service.get("depends_on", {}).items():
            condition = how["condition"]
            assert other in services, f"{name} needs {other}"
            if condition == "service_healthy":
                assert "healthcheck" in services[other], f"{name} waits for the health of {other}, which has none"
            else:
                assert condition == "service_completed_successfully" and services[other]["restart"] == "no"
    while needs:
        free = {name for name, others in needs.items() if not others}
        assert free, f"these wait for each other: {sorted(needs)}"
        needs = {name: others - free for name, others in needs.items() if name not in free}


def test_every_variable_is_one_that_settings_read(services: dict[str, Any]) -> None:
    read = names_read()
    for name in OURS:
        for variable, value in services[name]["environment"].items():
            assert variable.removesuffix("_FILE") in read, f"{name}: nothing reads {variable}"
            if variable.endswith("_FILE"):
                secret = value.removeprefix("/run/secrets/")
                assert secret in services[name]["secrets"], f"{name}: {variable} names a secret that is not mounted"
    for variable in re.findall(r"\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text()):
        assert variable in read | {"WEB_PORT"}, f"{variable} is asked of .env and means nothing"


def test_required_settings_are_all_given(services: dict[str, Any], tmp_path: Path) -> None:
    """The settings accept what compose hands them, with the secrets that the script makes."""
    secrets = make_secrets(tmp_path)
    for name in OURS:
        given = {}
        for variable, value in services[name]["environment"].items():
            text = re.sub(r"\$\{ALLOWED_HOSTS:\?[^}]*\}", "payos.example.com", str(value))
            given[variable] = re.sub(r"\$\{[A-Z_]+:-([^}]*)\}", r"\1", text).replace("/run/secrets", str(secrets))
        program = "import payos.settings as s; print(s.EMBEDDED, s.DATABASES['owner']['USER'], s.DATABASES['default']['HOST'])"
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True,
            env={"PATH": os.environ["PATH"], **given},
        )  # fmt: skip
        owner = "payos_owner" if name == "migrate" else "payos_app"
        assert done.stdout.split() == ["False", owner, "pgbouncer"], f"{name}: {done.stderr}"


def make_secrets(folder: Path) -> Path:
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed here; docker/make-secrets.sh needs it")
    script = shutil.copy(ROOT / "docker" / "make-secrets.sh", folder)
    subprocess.run(["sh", script], check=True, capture_output=True)
    before = {path.name: path.read_text() for path in (folder / "secrets").iterdir()}
    subprocess.run(["sh", script], check=True, capture_output=True)
    assert before == {path.name: path.read_text() for path in (folder / "secrets").iterdir()}, "a second run keeps them"
    assert (folder / "secrets").stat().st_mode & 0o777 == 0o700
    return folder / "secrets"


def test_the_secrets_script_makes_every_secret_that_compose_mounts(compose: dict[str, Any], tmp_path: Path) -> None:
    made = {path.name for path in make_secrets(tmp_path).iterdir()}
    assert made == set(compose["secrets"])
    for name, secret in compose["secrets"].items():
        assert secret["file"] == f"docker/secrets/{name}"


def test_addresses_and_ports_agree(services: dict[str, Any], tmp_path: Path) -> None:
    secrets = make_secrets(tmp_path)
    text = (ROOT / "docker-compose.yml").read_text()
    pooler = (ROOT / "docker" / "pgbouncer.sh").read_text()
    image = (ROOT / "Dockerfile").read_text()
    database, owner, redis = ((secrets / name).read_text() for name in ("database_url", "database_owner_url", "redis_url"))
    assert re.fullmatch(r"postgresql://payos_app:\w+@pgbouncer:6432/payos", database)
    assert re.fullmatch(r"postgresql://payos_owner:\w+@postgres:5432/payos", owner)
    assert re.fullmatch(r"redis://:\w+@valkey:6379/0", redis)
    assert "listen_port = 6432" in pooler and "--port 6432" in " ".join(services["pgbouncer"]["healthcheck"]["test"])
    assert services["pgbouncer"]["environment"] == {"POSTGRES_HOST": "postgres", "POSTGRES_PORT": "5432"}
    assert "pool_mode = transaction" in pooler
    kafka = services["kafka"]["environment"]
    assert services["web"]["environment"]["KAFKA_BROKERS"] == "kafka:9092"
    assert kafka["KAFKA_ADVERTISED_LISTENERS"] == "PLAINTEXT://kafka:9092" and "://:9092" in kafka["KAFKA_LISTENERS"]
    assert kafka["KAFKA_CONTROLLER_QUORUM_VOTERS"] == "1@kafka:9093" and "CONTROLLER://:9093" in kafka["KAFKA_LISTENERS"]
    assert "zookeeper" not in text.lower()
    assert services["web"]["ports"] == ["${WEB_PORT:-8000}:8000"]
    assert "EXPOSE 8000" in image and '"--port", "8000"' in image
    assert "127.0.0.1:8000/healthz" in (ROOT / "docker" / "healthcheck.py").read_text()
    # Each host that someone names is a service.
    for host in re.findall(r"(?:@|://)([a-z]+):\d+", database + owner + redis + kafka["KAFKA_ADVERTISED_LISTENERS"]):
        assert host in services


def commands(services: dict[str, Any]) -> list[tuple[str, list[str]]]:
    found = []
    for name, service in services.items():
        if isinstance(service.get("command"), list):
            found.append((name, service["command"]))
        test = service.get("healthcheck", {}).get("test", [])
        if test[:1] == ["CMD"]:
            found.append((name, test[1:]))
    image = (ROOT / "Dockerfile").read_text()
    found.append(("web", ast.literal_eval(re.search(r"^CMD (\[.*\])$", image, re.MULTILINE)[1])))  # type: ignore[index]
    return found


def test_every_command_exists(services: dict[str, Any]) -> None:
    scripts = Path(sys.executable).parent
    seen = 0
    for name, command in commands(services):
        if name not in OURS:
            continue
        seen += 1
        program, *rest = command
        assert (scripts / program).exists(), f"{name}: no program {program} is installed"
        if program == "python":
            assert (ROOT / rest[0]).is_file(), f"{name}: {rest[0]}"
            if rest[0] == "manage.py":
                assert rest[1] in get_commands(), f"{name}: no command {rest[1]}"
        if program == "celery":
            assert rest[:2] == ["-A", "payos"]
        if program == "granian":
            assert rest[-1] == "payos.wsgi:application"
    assert seen == 7


def test_the_worker_serves_every_queue_that_something_is_sent_to(services: dict[str, Any]) -> None:
    from payos.celery import app
    from payos.supervisor.services import QUEUES

    used = {app.conf.task_default_queue}
    used |= {route["queue"] for route in app.conf.task_routes.values()}
    used |= {entry["options"]["queue"] for entry in app.conf.beat_schedule.values() if "queue" in entry.get("options", {})}
    command = services["worker"]["command"]
    assert set(command[command.index("--queues") + 1].split(",")) == set(QUEUES)
    assert used <= set(QUEUES)


@pytest.mark.parametrize("tail", [["worker", "--help"], ["beat", "--help"]])
def test_the_options_given_to_celery_are_ones_it_knows(services: dict[str, Any], tail: list[str]) -> None:
    name = tail[0]
    done = subprocess.run([sys.executable, "-m", "celery", *tail], cwd=ROOT, capture_output=True, text=True, check=True)
    for option in services[name]["command"]:
        if option.startswith("--"):
            assert option.split("=")[0] in done.stdout, option


def test_the_options_given_to_the_web_server_are_ones_it_knows(services: dict[str, Any]) -> None:
    done = subprocess.run([sys.executable, "-m", "granian", "--help"], capture_output=True, text=True, check=True)
    (given,) = [command for _, command in commands(services) if command[0] == "granian"]
    for option in given:
        if option.startswith("--"):
            assert option in done.stdout, option


def test_the_image_runs_as_a_stranger_with_pango_and_checked_packages() -> None:
    stages = re.split(r"^FROM ", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    (payos,) = [stage for stage in stages if " AS payos" in stage.splitlines()[0]]
    assert len(stages) == 4
    assert re.search(r"^USER payos$", payos, re.MULTILINE) and "libpango-1.0-0" in payos
    assert payos.index("USER payos") < payos.index("CMD [")
    assert "--require-hashes" in "".join(stages)
    for source in re.findall(r"^COPY (?!--from)(\S+)", "".join(stages), re.MULTILINE):
        assert source == "." or (ROOT / source).exists(), source
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {".git", ".venv*", ".payos*", "docker/secrets", ".env"} <= set(ignored)


def test_the_database_roles_of_the_container_can_do_nothing_they_should_not() -> None:
    script = (ROOT / "docker" / "postgres-roles.sh").read_text()
    for role in ("payos_owner", "payos_app"):
        line = re.search(rf"CREATE ROLE {role} (.*)", script)[1]  # type: ignore[index]
        assert {"NOSUPERUSER", "NOCREATEROLE", "NOBYPASSRLS"} <= set(line.split())
    from payos.embedded.postgres import EXTENSIONS

    for extension in EXTENSIONS:
        assert f"CREATE EXTENSION IF NOT EXISTS {extension};" in script
    assert "DATABASE payos OWNER payos_owner" in script


@pytest.mark.parametrize("script", sorted((ROOT / "docker").glob("*.sh")) + [ROOT / ".ci" / "run"])
def test_shell_scripts_parse_and_may_be_run(script: Path) -> None:
    shell = "bash" if script.name == "run" else "sh"
    subprocess.run([shell, "-n", str(script)], check=True)
    assert os.access(script, os.X_OK)
