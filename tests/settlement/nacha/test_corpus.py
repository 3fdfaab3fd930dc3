"""Every sample that other projects test with: read, written back byte for byte, refused with the reason where it is wrong."""

from __future__ import annotations

import csv
import gzip
import json
import os
from pathlib import Path

import pytest

from settlement.rails.nacha import read, write
from settlement.rails.nacha.builder import totals

ROOT = Path(__file__).resolve().parents[3]
CORPORA = Path(os.environ.get("PAYOS_CORPORA", ROOT.parent / "shared" / "corpora"))
MANIFEST = CORPORA / "MANIFEST.tsv"


def manifest() -> list[dict[str, str]]:
    if not MANIFEST.exists():
        return []
    with MANIFEST.open(newline="") as source:
        rows = list(csv.DictReader(source, delimiter="\t", fieldnames=("format", "path", "origin", "licence", "bytes", "verdict", "facts")))
    return [row for row in rows if row["format"] == "nacha"]


SAMPLES = manifest()
pytestmark = pytest.mark.skipif(not SAMPLES, reason=f"no sample files at {CORPORA}; set PAYOS_CORPORA to their folder")
by_path = pytest.mark.parametrize("sample", SAMPLES, ids=lambda row: row["path"].rsplit("/", 1)[-1])

# Where the manifest (which compares totals only) and the rules disagree, and what is right about each.
REFUSED_ALTHOUGH_TOTALS_FIT = {
    "no_header.txt": "no_file_header",
    "skip-validation.ach": "destination",  # no destination, all trace numbers zero
    "20180713-IAT.ach": "service_class",  # a debit in a batch of credits only
}
READ_ALTHOUGH_CALLED_INVALID = {
    "long-line.ach": "trailing_blanks",  # only blanks beyond column 94
    "short-line.ach": "line_too_short",  # only blanks are missing
    "ppd-mixedDebitCredit-invalid.ach": None,  # keeps every rule of the format
}


def content(sample: dict[str, str]) -> bytes:
    data = (CORPORA / sample["path"]).read_bytes()
    return gzip.decompress(data) if sample["path"].endswith(".gz") else data


@by_path
def test_reading_and_writing_changes_no_byte(sample):
    data = content(sample)
    assert write(read(data)) == data


def test_the_manifest_is_read_as_meant():
    verdicts = {row["verdict"].split("(")[0] for row in SAMPLES}
    assert {"valid", "intentionally-invalid"} <= verdicts


@by_path
def test_the_verdict(sample):
    name = sample["path"].rsplit("/", 1)[-1]
    file = read(content(sample))
    codes = {fault.code for fault in file.errors}
    if name in REFUSED_ALTHOUGH_TOTALS_FIT:
        assert REFUSED_ALTHOUGH_TOTALS_FIT[name] in codes and not file.usable
    elif name in READ_ALTHOUGH_CALLED_INVALID:
        assert not file.errors
        wanted = READ_ALTHOUGH_CALLED_INVALID[name]
        assert wanted is None or wanted in {fault.code for fault in file.warnings}
    elif name.endswith(".json"):
        assert codes >= {"not_nacha"} and not file.usable
    elif sample["verdict"] == "valid":
        assert not file.errors, [str(fault) for fault in file.errors]
    elif sample["verdict"] == "intentionally-invalid":
        assert file.errors and all(fault.detail and fault.code for fault in file.errors)


NUMBERED = [row for row in SAMPLES if row["verdict"] == "valid" and '"tx"' in row["facts"]]


@pytest.mark.parametrize("sample", NUMBERED, ids=lambda row: row["path"].rsplit("/", 1)[-1])
def test_the_numbers_agree_with_an_independent_reader(sample):
    facts = json.loads(sample["facts"])
    file = read(content(sample))
    count, _, debit, credit = totals(file.batches)
    entries = sum(len(batch.entries) for batch in file.batches)
    assert (len(file.batches), entries, count - entries) == (facts["batches"], facts["tx"], facts["addenda"])
    if facts["sec"] != "ADV":  # the manifest's reader does not know that odd ADV codes are credits
        assert (debit, credit) == (facts["debit"], facts["credit"])


def test_a_hundred_thousand_entries():
    sample = next(row for row in SAMPLES if row["path"].endswith(".gz"))
    file = read(content(sample))
    assert not file.errors and len(file.batches) == 200
    assert sum(len(batch.entries) for batch in file.batches) > 100_000
