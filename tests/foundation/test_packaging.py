"""What ships beside the code agrees with the code: locks, make targets, import contracts, lint."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
LOCKS = ("requirements.lock", "requirements-dev.lock")


def pins(lock: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for line in (ROOT / lock).read_text().splitlines():
        if matched := re.match(r"([a-z0-9.\-]+)==([^\s;]+)", line):
            found.setdefault(matched[1], set()).add(matched[2])
    return found


def wanted(name: str) -> set[str]:
    lines = [line.strip() for line in (ROOT / name).read_text().splitlines()]
    return {re.match(r"[A-Za-z0-9.\-_]+", line)[0].lower() for line in lines if line and line[0] not in "#-"}  # type: ignore[index]


# --- locks


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_names_versions_and_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text and "--index" not in text and "--find-links" not in text and "file:" not in text
    blocks = re.split(r"\n(?=\S)", text.strip())
    for block in blocks:
        first, *rest = block.splitlines()
        assert re.fullmatch(r"[a-z0-9.\-]+==[\w.!+]+( ; [^\\]+)? \\", first), first
        assert rest, f"{first} has no hash"
        assert all(re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line) for line in rest), block


@pytest.mark.parametrize(("asked", "lock"), [("requirements.in", LOCKS[0]), ("requirements-dev.in", LOCKS[1])])
def test_everything_asked_for_is_locked(asked: str, lock: str) -> None:
    normal = {re.sub(r"[-_.]+", "-", name) for name in wanted(asked)}
    assert not normal - set(pins(lock))


def test_tests_run_on_the_versions_that_ship() -> None:
    runtime, development = pins(LOCKS[0]), pins(LOCKS[1])
    differ = {name: (versions, development.get(name)) for name, versions in runtime.items() if development.get(name) != versions}
    assert not differ


# --- make and import contracts


def make(*targets: str, **variables: str) -> str:
    arguments = [f"{name}={value}" for name, value in variables.items()]
    # As if nobody had called make before: `make test` runs these tests, and its own flags must not reach them.
    plain = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "ARGS", "PYTHON"}}
    done = subprocess.run(["make", "-n", *targets, *arguments], cwd=ROOT, capture_output=True, text=True, check=True, env=plain)
    return done.stdout


@pytest.mark.parametrize("target", ["install", "run", "test", "check", "bench", "chaos", "stop", "clean"])
def test_make_knows_its_targets_and_help_tells_them(target: str) -> None:
    if not shutil.which("make"):
        pytest.skip("make is not installed")
    assert make(target)
    assert f"make {target}" in (ROOT / "Makefile").read_text()


def test_make_takes_another_python_and_sets_up_before_it_runs() -> None:
    steps = make("run", PYTHON="/opt/python3.13", ARGS="--port 9000").splitlines()
    assert steps[0].startswith("/opt/python3.13 payos/supervisor/install.py requirements.lock")
    assert steps[1].endswith("manage.py serve --with-parent --port 9000")
    assert "requirements-dev.lock" in make("test")


def test_the_set_up_says_plainly_that_a_python_is_too_old(tmp_path: Path) -> None:
    program = (
        "import runpy, sys; sys.version_info = (3, 9, 2); sys.argv = ['install.py', 'requirements.lock', '--venv', sys.argv[1]];"
        "runpy.run_path('payos/supervisor/install.py', run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "venv")], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and not (tmp_path / "venv").exists()
    assert "Python 3.9.2 is too old; install Python 3.11 or newer" in done.stderr
    # It must reach that sentence: nothing newer than what an old Python can read.
    ast.parse((ROOT / "payos/supervisor/install.py").read_text(), feature_version=(3, 8))


def test_a_second_set_up_does_nothing_and_a_damaged_one_is_seen(tmp_path: Path) -> None:
    """With an empty lock, so that nothing is downloaded: the logic is the same for one package or two hundred."""
    lock, folder = tmp_path / "empty.lock", tmp_path / "venv"
    lock.write_text("")

    def install() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(ROOT / "payos/supervisor/install.py"), str(lock), "--venv", str(folder)],
            capture_output=True, text=True,
        )  # fmt: skip

    first = install()
    assert first.returncode == 0 and "Packages are in place" in first.stdout, first.stderr
    assert install().stdout == ""
    lock.write_text("# changed\n")
    assert "Installing" in install().stdout
    (folder / "bin" / "python").unlink()
    assert "Making a virtual environment" in install().stdout
    assert (folder / "bin" / "python").exists()
    moved = tmp_path / "moved"
    folder.rename(moved)
    folder = moved
    assert "Making a virtual environment" in install().stdout


LAYERS = [
    ["console"], ["treasury", "compliance"], ["reconciliation"], ["settlement"], ["ingestion"], ["webhooks"], ["operations"],
    ["ledger"], ["partners"],
]  # fmt: skip


def test_the_import_contracts_cover_every_package_in_the_right_order() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    houses = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "bench"}
    assert set(config["root_packages"]) == houses
    (layers,) = [contract for contract in config["contracts"] if contract["type"] == "layers"]
    order = [[part.strip(" ()") for part in layer.split("|")] for layer in layers["layers"]]
    assert order == [*LAYERS, ["payos.kernel"]]


def test_the_security_lint_reads_every_package() -> None:
    """The Makefile's list is the import contracts' list, and a finding makes the lint fail."""
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]
    line = next(line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith("CODE = "))
    assert set(line.split()[2:]) == {*packages, "manage.py"}


def test_the_security_lint_finds_nothing_and_can_find(tmp_path: Path) -> None:
    bandit = Path(sys.executable).with_name("bandit")
    if not bandit.exists():
        pytest.skip("bandit is not installed: run `make install-dev`")
    wrong = tmp_path / "wrong.py"
    wrong.write_text("import subprocess\nsubprocess.call('ls ' + input(), shell=True)\n")
    found = subprocess.run([bandit, "-q", "-c", str(ROOT / "pyproject.toml"), str(wrong)], capture_output=True, text=True)
    assert found.returncode == 1 and "B602" in found.stdout, found.stdout + found.stderr
