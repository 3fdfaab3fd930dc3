"""One command that runs the whole product on one machine, and leaves nothing behind when it stops.

`supervisor.py` starts the services in order, watches them, restarts what crashes (with growing pauses) and stops
them in reverse order. Every child runs in its own session with a marker in its environment, so that whatever it
starts in turn can be found. Three lines of defence against orphans: the supervisor's own orderly stop; `guard.py`,
a tiny process that cleans up when the supervisor was killed; and the next start, which clears what both left.
`child.py` is what a child runs first: it asks the kernel to end it together with its parent.
`install.py` sets up the virtual environment before anything is installed (standard library only).
Start reading in `payos/kernel/management/commands/serve.py`, then `supervisor.py`.
"""
