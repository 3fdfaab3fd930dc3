"""Failure on purpose: transfers sent over the API while workers, beat, web and Valkey are killed and the bank misbehaves.

`run.py` starts real processes (`processes.py`), sends transfers as a partner would (`traffic.py`), kills by a seeded plan,
waits until the world is quiet and compares the bank's own books with ours (`invariants.py`). Nothing is simulated: the
processes are Celery workers, Celery's beat and the web application, and a kill is SIGKILL.

The plan (what is killed, when, how the bank misbehaves) follows from the seed; how the operating system interleaves it
does not. What must hold is listed in `invariants.py`; a run that breaks any of it exits with 1.

Beside the transfers there are other scenarios (`manage.py chaos --scenario ...`): payments that arrive several times over and events to
a failing receiver while everything dies (`storms.py`), a clock that jumps and a disk that is full (`trials.py`). `shared.py` is what
must hold after each of them, `faults.py` what is done to the database and the cache.
"""
