"""The console: what people see across apps. Dashboards, the trace of a cent, the matching workbench, reports.

It sits on top of every other app and is imported by none. Each dashboard is made of panels (`registry.panel`), each
trace of sources (`registry.trace_source`); a panel or a source whose app is not installed does not exist.
Invariants: a GET changes nothing; a panel that fails shows that it failed and sinks no page; what reads tables that
grow reads rollups (`rollups.py`) or a bounded slice of an index, so that no page waits for a scan.
Start reading at `registry.py`, then `dashboards.py` and `trace/__init__.py`.
"""
