"""Entries read by their shape must come out as the XML parser has them, to the last reference."""

from __future__ import annotations

import io
import random
from dataclasses import asdict

import pytest

from ingestion.parsers import camt, camt_paths, corpus
from ingestion.parsers.records import Event, Line, Reject, Unreadable

HEAD = '<?xml version="1.0" encoding="UTF-8"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt><Id>1</Id><Acct><Id><IBAN>NL1</IBAN></Id><Ccy>EUR</Ccy></Acct>'
TAIL = "</Stmt></BkToCstmrStmt></Document>"


def entry(number: int, extra: str = "", inner: str = "", currency: str = "EUR", prefix: str = "") -> str:
    text = (
        f'<Ntry><Amt Ccy="{currency}">{number}.50</Amt><CdtDbtInd>{"CRDT" if number % 3 else "DBIT"}</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2026-01-{number % 28 + 1:02}</Dt></BookgDt>'
        f"<AcctSvcrRef>S{number}</AcctSvcrRef>{extra}<NtryDtls><TxDtls><Refs><EndToEndId>{'NOTPROVIDED' if number % 5 == 0 else f'E{number}'}</EndToEndId></Refs>"
        f"<RmtInf><Ustrd> Invoice {number} </Ustrd><Ustrd>é €</Ustrd></RmtInf>{inner}</TxDtls></NtryDtls></Ntry>"
    )
    return text.replace("</", f"</{prefix}").replace("<", f"<{prefix}").replace(f"<{prefix}/{prefix}", f"</{prefix}") if prefix else text


def read(data: bytes, *, by_shape: bool, monkeypatch: pytest.MonkeyPatch) -> list[Event] | str:
    with monkeypatch.context() as patch:
        if not by_shape:
            patch.setattr(camt_paths.Machine, "_by_shape", camt_paths.Machine._by_parser)
        try:
            events = list(camt.parse(io.BytesIO(data)))
        except Unreadable as error:
            return str(error)
    for event in events:
        if isinstance(event, Reject):  # line and column are only told where the parser saw everything
            event.reason = event.reason.partition(": line ")[0]
    return events


def same(data: bytes, monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    fast, slow = (read(data, by_shape=way, monkeypatch=monkeypatch) for way in (True, False))
    assert fast == slow
    return fast if isinstance(fast, list) else []


ODD = {
    "plain": "", "entity": "<AddtlNtryInf>A &amp; B &#233;</AddtlNtryInf>", "comment": "<!-- <Ntry> --><AddtlNtryInf>x</AddtlNtryInf>", "cdata": "<AddtlNtryInf><![CDATA[<b> & ]]></AddtlNtryInf>",
    "instruction": "<?note x?>", "empty": "<AddtlNtryInf/>", "spaces": "<AddtlNtryInf >\r\n two\r\nlines </AddtlNtryInf >", "attribute": "<Other a='1' b=\"x>y\">z</Other>", "foreign": '<x:Other xmlns:x="urn:x">z</x:Other>',
    "unclosed": "<Other>", "crossed": "<A><B></A></B>", "bare": "a < b", "unknown entity": "<A>&nope;</A>", "control": "<A>\x01</A>", "twice": "<ValDt><Dt>2026-02-01</Dt></ValDt><ValDt><Dt>2026-02-02</Dt></ValDt>",
    "attribute twice": '<A b="1" b="2">x</A>', "end of cdata": "<A>]]></A>", "deep": "<A>" * 170 + "</A>" * 170, "status": "<Sts>PDNG</Sts>", "greater": "<AddtlNtryInf>a > b</AddtlNtryInf>",
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_an_odd_entry_among_usual_ones(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [entry(number) for number in range(1, 20)]
    entries[9:10] = [entry(10, ODD[name])] * 2
    for between in ("", "\n  ", "\r\n"):
        same((HEAD + between.join(entries) + TAIL).encode(), monkeypatch)


def test_shapes_that_take_turns_and_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(5)
    kinds = [lambda n: entry(n), lambda n: entry(n, ODD["twice"]), lambda n: entry(n, currency="USD"), lambda n: entry(n, inner="</TxDtls><TxDtls><Refs><TxId>T</TxId></Refs><Amt Ccy='EUR'>1.00</Amt>"),
             lambda n: f"<Ntry>\n <Amt Ccy='EUR'>{n}</Amt>\n <CdtDbtInd>CRDT</CdtDbtInd>\n <AddtlNtryInf> ü </AddtlNtryInf>\n</Ntry>"]  # fmt: skip
    body = "".join(kinds[chance.randrange(len(kinds))](number) for number in range(1, 3000))
    events = same((HEAD + body + TAIL).encode(), monkeypatch)
    lines = [event for event in events if isinstance(event, Line)]
    assert (
        len(lines) == 2999
        and any(line.details for line in lines)
        and lines[0].raw.startswith("<Ntry>")
        and lines[-1].raw.endswith("</Ntry>")
    )


def test_names_with_a_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    body = "".join(entry(number, prefix="n:") for number in range(1, 50))
    head = '<n:Document xmlns:n="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><n:BkToCstmrStmt><n:Stmt><n:Id>1</n:Id>'
    assert len(same((head + body + "</n:Stmt></n:BkToCstmrStmt></n:Document>").encode(), monkeypatch)) == 51


def test_most_entries_never_reach_the_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    fed = 0
    plain = camt_paths.Machine._feed

    def counted(self: camt_paths.Machine, piece: bytes) -> str:
        nonlocal fed
        fed += len(piece)
        return plain(self, piece)

    monkeypatch.setattr(camt_paths.Machine, "_feed", counted)
    data = (HEAD + "\n".join(entry(number) for number in range(1, 3000)) + TAIL).encode()
    assert len(list(camt.parse(io.BytesIO(data)))) == 3001
    assert fed < len(data) // 10


def test_entries_inside_of_other_things_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    data = HEAD + entry(1) + "<Splmtry>" + entry(2) + "</Splmtry>" + entry(3) + entry(4, entry(5)) + TAIL
    assert len([event for event in same(data.encode(), monkeypatch) if isinstance(event, Line)]) == 3


def test_broken_in_the_middle_of_usual_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    data = (HEAD + "".join(entry(number) for number in range(1, 60)) + TAIL).encode()
    chance = random.Random(11)
    for _ in range(150):
        at = chance.randrange(len(data))
        broken = (
            data[:at]
            if chance.random() < 0.5
            else data[:at] + chance.choice([b"<", b">", b"&", b"</Ntry>", b"<Ntry>", b"</Stmt>", b'"', b"\x01", b"\xff"]) + data[at:]
        )
        fast, slow = (read(broken, by_shape=way, monkeypatch=monkeypatch) for way in (True, False))
        # Where it breaks off is told in the parser's own numbers; what was read before must be the same.
        assert [asdict(event) for event in fast if isinstance(event, Line)] == [asdict(event) for event in slow if isinstance(event, Line)]
        assert type(fast) is type(slow) and len(fast) == len(slow) or isinstance(fast, str)


ROOT = corpus.folder()


@pytest.mark.skipif(ROOT is None, reason="no sample files: set PAYOS_CORPORA or put them in ../shared/corpora")
def test_sample_files_read_the_same_both_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ROOT is not None
    samples = [sample for sample in corpus.samples(ROOT) if sample.format == "camt" and sample.is_input]
    assert samples
    for sample in samples:
        same((ROOT / sample.path).read_bytes(), monkeypatch)
