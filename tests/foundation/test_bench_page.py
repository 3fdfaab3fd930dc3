"""`make bench` in small: a benchmark really runs, and the page says on what machine, how noisy and how to read it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from payos.kernel.management.commands import bench_all, bench_table
from payos.kernel.management.commands.bench import names

ROOT = Path(__file__).resolve().parent.parent.parent
REPORT = {
    "bench": "x", "machine": {"cores": 2, "memory_gb": 4, "python": "3.11", "system": "Linux", "arch": "x86_64"},
    "figures": [{"name": "posting", "value": 1234, "unit": "a second", "spread": 0.1}],
    "ratios": [{"name": "ours over theirs", "ours": 2, "against": 1, "value": 2.0, "goal": 3, "ok": False}], "notes": ["Read with care."],
}  # fmt: skip


def test_sizes_are_of_benchmarks_that_exist_and_of_options_they_have() -> None:
    assert set(bench_all.SIZES) <= set(names())
    for name, size in bench_all.SIZES.items():
        text = (ROOT / "bench" / f"{name}.py").read_text()
        assert all(f'"{option}"' in text for option in size if option.startswith("--")), name


def test_the_page_says_machine_noise_and_how_to_read_it() -> None:
    text = bench_table.table([REPORT], {"noise": {"processor": 0.02, "database": 0.05}, "seconds": 61})
    assert "2 cores" in text and "1 min 1 s" in text and "±2% (processor)" in text and "±5% (database)" in text and "How to read it" in text
    assert "| posting | 1,234 a second | ±10% |" in text and "**missed**" in text and "Read with care." in text
    assert "was not measured" in bench_table.table([REPORT])


def test_noise_is_half_of_what_lies_between_the_tenths() -> None:
    assert bench_all._spread([1.0] * 20) == 0
    assert 0.3 < bench_all._spread([0.5, 1.0, 1.5] * 10) <= 0.5


@pytest.mark.slow
def test_one_benchmark_from_the_command_to_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    done = subprocess.run(
        [sys.executable, "manage.py", "bench_all", "--only", "parse", "--folder", str(tmp_path / "out"), "--output", str(page)],
        cwd=ROOT, capture_output=True, text=True, timeout=400,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads((tmp_path / "out" / "parse.json").read_text())["bench"] == "parse"
    assert "## parse" in page.read_text() and "Noise of the machine" in page.read_text()
