"""Every public sample file, against facts that an independent reader computed."""

from __future__ import annotations

import pytest

from ingestion.parsers import corpus

ROOT = corpus.folder()
pytestmark = pytest.mark.skipif(ROOT is None, reason="no sample files: set PAYOS_CORPORA or put them in ../shared/corpora")

SAMPLES = [sample for sample in corpus.samples(ROOT) if sample.is_input] if ROOT else []

#: Files that the manifest calls valid and that are no statements: a list of payment ids without amounts.
NOT_STATEMENTS = {"pain_file.csv"}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.path.replace("/tests/", "/")[-90:])
def test_sample_reads_as_the_manifest_states(sample: corpus.Sample) -> None:
    found = corpus.read(ROOT / sample.path)  # type: ignore[operator]
    if sample.path.rpartition("/")[2] in NOT_STATEMENTS:
        assert "delimiter" in found.error
        return
    assert corpus.differences(sample, found) == [], found.summary()


def test_invalid_samples_are_never_read_as_if_nothing_were_wrong() -> None:
    quiet = []
    for sample in SAMPLES:
        if sample.validity != "intentionally-invalid":
            continue
        found = corpus.read(ROOT / sample.path)  # type: ignore[operator]
        # Two of them only name a bug of another reader ("failing", no line break at the end) and are readable.
        if not (found.error or found.rejects) and not sample.path.endswith(("failing.txt", "missing_crlf_at_end.sta")):
            quiet.append(sample.path)
    assert quiet == []


def test_there_is_something_of_every_format() -> None:
    assert {sample.format for sample in SAMPLES} == set(corpus.FORMATS)
    assert len(SAMPLES) > 100


def test_amounts_with_impossible_places_are_refused_not_rounded() -> None:
    sample = next(sample for sample in SAMPLES if sample.path.endswith("fidelity-savings.ofx"))
    found = corpus.read(ROOT / sample.path)  # type: ignore[operator]
    assert found.lines == 1 and len(found.rejects) == 3
    assert all("not rounded" in reject.reason for reject in found.rejects)
