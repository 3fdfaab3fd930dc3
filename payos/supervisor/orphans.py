"""How a child is started so that it can never be left behind, and how what was left behind is found and ended.

    python orphans.py child FOLDER NAME PARENT -- command ...   what every child runs first
    python orphans.py guard FOLDER SECONDS                      cleans up when the supervisor was killed

Standard library only and run as a plain file, so that both start within milliseconds.

A child leads a session of its own and carries the marker PAYOS_SUPERVISED in its environment, and writes its pid,
start time and boot id before it becomes the real command. Whatever it starts later shares its session. A leftover
is a process whose session was written down *and* that carries the marker: a pid that was given away again to a
stranger matches neither.
"""

import ctypes
import fcntl
import os
import signal
import sys
import time

MARKER = "PAYOS_SUPERVISED"
GRACE = 8.0
LINUX = sys.platform.startswith("linux")
PR_SET_PDEATHSIG = 1


def boot_id():
    try:
        with open("/proc/sys/kernel/random/boot_id") as handle:
            return handle.read().strip()
    except OSError:
        return "unknown"


def die_with_parent(parent, how=signal.SIGTERM):
    """Ask the kernel to signal this process when its parent ends; leave at once if it has ended already."""
    if LINUX:
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, how)
    if os.getppid() != parent:
        os._exit(1)


def status(pid):
    """(start time, session, parent, state) of a process; None when there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as handle:
            # The name in brackets may hold anything, brackets included: split after the last one.
            fields = handle.read().rsplit(b")", 1)[1].split()
    except (OSError, IndexError):
        return None
    return fields[19].decode(), int(fields[3]), int(fields[1]), fields[0].decode()


def note(folder, name):
    """Write down who this process is; renamed into place, so that a reader never sees half of it."""
    mine = status(os.getpid())
    path = os.path.join(folder, f"{name}.pid")
    with open(f"{path}.{os.getpid()}", "w") as handle:
        handle.write(f"{os.getpid()} {mine[0] if mine else '-'} {boot_id()}")
    os.replace(f"{path}.{os.getpid()}", path)


def noted(folder):
    """{session: start time} of every child of this boot that was written down in `folder`."""
    sessions: dict[int, str] = {}
    boot = boot_id()
    try:
        names = os.listdir(folder)
    except OSError:
        return sessions
    for name in names:
        try:
            with open(os.path.join(folder, name)) as handle:
                pid, started, boot_then = handle.read().split()
        except (OSError, ValueError):
            continue
        if name.endswith(".pid") and boot_then == boot:
            sessions[int(pid)] = started
    return sessions


def marked(pid, folder):
    try:
        with open(f"/proc/{pid}/environ", "rb") as handle:
            return f"{MARKER}={folder}".encode() in handle.read().split(b"\0")
    except OSError:
        return False


def leftovers(folder, sessions=None):
    """Pids of living processes that belong to the children written down in `folder`."""
    sessions = noted(folder) if sessions is None else sessions
    if not sessions or not LINUX:
        return []
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        known = status(entry)
        if known is None or known[3] == "Z" or known[1] not in sessions:
            continue
        leader = status(known[1])
        if leader is not None and leader[0] != sessions[known[1]]:
            continue  # the number was given to a stranger since
        if marked(entry, folder):
            found.append(int(entry))
    return found


def send(pids, how):
    for pid in pids:
        try:
            os.kill(pid, how)
        except (ProcessLookupError, PermissionError):
            pass


def end(folder, grace=GRACE):
    """End every leftover: politely to the leaders first, then by force. Returns how many there were."""
    sessions = noted(folder)
    first = leftovers(folder, sessions)
    send([pid for pid in first if pid in sessions], signal.SIGTERM)
    deadline = time.monotonic() + grace
    alive = first
    while alive and time.monotonic() < deadline:
        if not any(pid in sessions for pid in alive):
            break  # leaders are gone: nobody is left to tell the rest
        time.sleep(0.05)
        alive = leftovers(folder, sessions)
    deadline = time.monotonic() + 10
    while alive and time.monotonic() < deadline:
        send(alive, signal.SIGKILL)
        time.sleep(0.02)
        alive = leftovers(folder, sessions)
    if not alive:
        for pid in sessions:
            _forget(folder, pid)
    return len(first)


def _forget(folder, pid):
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        try:
            with open(path) as handle:
                if name.endswith(".pid") and handle.read().split()[:1] == [str(pid)]:
                    os.unlink(path)
        except OSError:
            pass


def run_child(folder, name, parent, command):
    os.setsid()
    os.environ[MARKER] = folder
    die_with_parent(parent)
    note(folder, name)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    os.execvp(command[0], command)


def run_guard(folder, grace):
    """Wait for the supervisor at the other end of the pipe. "done" means that it left in order."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    lock = os.open(os.path.join(folder, "guard.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_SH)  # several may live for a moment; the next start waits for all of them
    try:
        os.write(1, b"+")
    except BrokenPipeError:
        pass  # the supervisor was killed while this started: there is nobody to tell, and all the more to do
    said = b""
    while True:
        part = os.read(0, 64)
        if not part:
            break
        said += part
    if said != b"done":
        end(folder, grace)


if __name__ == "__main__":
    if sys.argv[1] == "guard":
        run_guard(sys.argv[2], float(sys.argv[3]))
    else:
        run_child(sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[6:])
