"""Makes .venv agree with a lock file. Standard library only: it runs before anything is installed.

The stamp beside the packages holds the hash of what was installed, so a second run costs milliseconds. pip's own
words go to a log file; a failure shows its last lines.
"""

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time

OLDEST = (3, 11)
MADE_AS = ".made-as"


def fail(sentence):
    print(f"payos: {sentence}", file=sys.stderr)
    raise SystemExit(2)


def say(sentence):
    print(f"  {sentence}", flush=True)


def fingerprint(lock):
    digest = hashlib.sha256(sys.version.encode())
    with open(lock, "rb") as handle:
        digest.update(handle.read())
    return digest.hexdigest()


def usable(python, folder):
    """A virtual environment that was moved or whose Python was removed has to be made again."""
    if not os.path.exists(python):
        return False
    try:
        with open(os.path.join(folder, MADE_AS)) as handle:
            if handle.read() != folder:
                return False  # its scripts still name the place it was made in
    except FileNotFoundError:
        pass
    known = subprocess.run([python, "-c", "import sys, pip; print(sys.version); print(sys.prefix)"], capture_output=True, text=True)
    return known.returncode == 0 and known.stdout.strip() == f"{sys.version}\n{os.path.realpath(folder)}"


def run(step, command, log):
    started = time.monotonic()
    with open(log, "ab") as output:
        # Settings of pip that belong to the person (index, certificates) keep working; questions are never asked.
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
    if done.returncode == 0:
        return time.monotonic() - started
    with open(log, errors="replace") as output:
        lines = [line.rstrip() for line in output if line.strip() and not line.startswith("WARNING")]
    for line in lines[-15:]:
        print(f"    {line}", file=sys.stderr)
    hint = (
        "free some space and run it again"
        if any("No space left" in line for line in lines[-15:])
        else ("check the network (or the package index pip is set up with) and run it again")
    )
    fail(f"{step} failed; {hint}. The whole log is {log}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("lock")
    parser.add_argument("--venv", default=".venv")
    options = parser.parse_args()
    if sys.version_info < OLDEST:
        have, need = ".".join(map(str, sys.version_info[:3])), ".".join(map(str, OLDEST))
        fail(f"Python {have} is too old; install Python {need} or newer and run `make ... PYTHON=/path/to/python3`")
    folder = os.path.abspath(options.venv)
    python = os.path.join(folder, "bin", "python")
    name = os.path.basename(options.lock)
    try:
        with open(f"{folder}.lock", "w") as guard:
            fcntl.flock(guard, fcntl.LOCK_EX)
            install(options.lock, name, folder, python)
    except OSError as error:
        fail(f"{folder} cannot be set up ({error.strerror or error}); check that the folder is writable and has space")


def install(lock, name, folder, python):
    stamp = os.path.join(folder, f".installed-{name}")
    wanted = fingerprint(lock)
    if os.path.exists(stamp) and usable(python, folder):
        with open(stamp) as handle:
            if handle.read() == wanted:
                return
    log = f"{folder}.log"
    open(log, "w").close()
    if not usable(python, folder):
        if os.path.isdir(folder):
            shutil.rmtree(folder)
        say("Making a virtual environment ...")
        try:
            import ensurepip  # noqa: F401
        except ImportError:
            fail("this Python has no venv module; on Debian: apt-get install python3-venv")
        run("making the virtual environment", [sys.executable, "-m", "venv", folder], log)
        with open(os.path.join(folder, MADE_AS), "w") as handle:
            handle.write(folder)
    with open(lock) as handle:
        count = sum("==" in line for line in handle)
    say(f"Installing {count} packages from {name} (hashes checked; a few minutes the first time) ...")
    took = run(
        "installing the packages",
        [
            python,
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "--no-input",
            "--progress-bar",
            "off",
            "--require-hashes",
            "-r",
            lock,
        ],
        log,
    )
    with open(stamp, "w") as handle:
        handle.write(wanted)
    say(f"Packages are in place ({took:.0f} s).")


if __name__ == "__main__":
    main()
