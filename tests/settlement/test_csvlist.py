"""A list as a CSV file: read as people write it, and every fault told by the line and column that they see."""

from __future__ import annotations

import csv
import io
import random

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from payos.kernel import tenancy
from payos.kernel.errors import Problem
from settlement import csvlist
from settlement.models import Transfer

pytestmark = pytest.mark.django_db
HEADER = [
    "amount", "currency", "destination.type", "destination.routing_number", "destination.account_number", "destination.account_type",
    "destination.holder_name", "reference", "within_minutes", "metadata.run", "urgency",
]  # fmt: skip
# What makes a cell wrong, by its column; each is one fault.
SPOILED = {
    "amount": ["", "-1", "1.234", "ten", "1e3", "0"], "currency": ["", "XXX1", "ZZZ"], "destination.routing_number": ["021000022", "12", ""],
    "destination.account_number": ["000", "1234567890123456789", ""], "destination.account_type": ["gold"], "destination.holder_name": ["", "J\x07"],
    "reference": ["r" * 121], "within_minutes": ["soon", "0", "-5", "1.5"], "urgency": ["now"],
}  # fmt: skip


def good(rng: random.Random, number: int) -> dict[str, str]:
    return dict(zip(HEADER, [
        f"{rng.randint(1, 99_999)}.{rng.randint(0, 99):02}", "USD", "us_bank", "021000021", str(rng.randint(10**8, 10**9)), rng.choice(["checking", "savings", ""]),
        rng.choice(["Jane Doe", 'Jane "J" Doe', "Doe, Jane", "Ána Peña"]), f"r{number}", rng.choice(["", "100000"]), "x", rng.choice(["", "fast"]),
    ], strict=True))  # fmt: skip


def written(rows: list[dict[str, str]], delimiter: str = ",", blank_after: set[int] = frozenset()) -> tuple[bytes, list[int]]:
    """The file, and the line of every row."""
    out, lines = io.StringIO(), []
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    writer.writerow(HEADER)
    for number, row in enumerate(rows):
        lines.append(out.getvalue().count("\n") + 1)
        writer.writerow([row[name] for name in HEADER])
        if number in blank_after:
            out.write("\n")
    return out.getvalue().encode(), lines


def upload(api, raw, name="list.csv"):
    return api.post("/v1/transfers/batch", {"file": SimpleUploadedFile(name, raw)}, format="multipart")


@pytest.mark.parametrize("seed", range(6))
def test_every_fault_names_its_line_and_column(api, rail, funded, seed):
    rng = random.Random(f"csv:{seed}")
    rows = [good(rng, number) for number in range(40)]
    spoiled = set()
    for number in rng.sample(range(40), 8):
        column = rng.choice(sorted(SPOILED))
        rows[number][column] = rng.choice(SPOILED[column])
        spoiled.add((number, column))
    raw, lines = written(rows, rng.choice(",;\t"), set(rng.sample(range(40), 5)))
    answer = upload(api, raw)
    assert answer.status_code == 422, answer.content
    told = {(fault["row"], fault["line"], fault["column"]) for fault in answer.json()["errors"]}
    wanted = {(number, lines[number], column) for number, column in spoiled}
    # A currency that is none makes the destination's type wrong for it as well.
    assert wanted <= told and {(row, line) for row, line, _ in told} == {(row, line) for row, line, _ in wanted}
    for fault in answer.json()["errors"]:
        assert fault["pointer"] == f"/transfers/{fault['row']}/{fault['column'].replace('.', '/')}"
    with tenancy.platform_scope():
        assert not Transfer.objects.exists()


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_good_file_is_read_as_people_write_it(api, rail, funded, delimiter):
    rng = random.Random(f"good:{delimiter}")
    rows = [good(rng, number) for number in range(12)]
    rows = [row | {"amount": "1.25"} for row in rows]
    raw, _ = written(rows, delimiter, {0, 5})
    made = upload(api, b"\xef\xbb\xbf" + raw.replace(b"\n", b"\r\n"))
    assert made.status_code == 201 and made.json()["count"] == 12, made.content
    assert made.json()["amounts_minor"] == {"USD": 1500}
    again = upload(api, raw.replace(b"1.25", b" 1.25 "))
    assert again.json()["code"] == "batch_repeated" and again.json()["batch"] == made.json()["id"], (
        "the same list, written with other blanks"
    )


@pytest.mark.parametrize(
    ("raw", "line", "column", "code"),
    [
        (b"", 1, None, "empty"),
        (b",,\n1,2,3\n", 1, None, "empty"),
        (b"\n\namount,amount\n1,2\n", 3, "amount", "twice"),
        (b"amount,,currency\n1,2,USD\n", 1, None, "unnamed"),
        (b"amount,destination,destination.type\n1,x,us_bank\n", 1, "destination.type", "twice"),
        (b"amount,metadata.x\n1,a\x00b\n", 2, "metadata.x", "characters"),
        (b"amount,metadata.\x00\n1,a\n", 1, "metadata.", "characters"),
        (b"amount,currency\n1,USD\n\n1,USD,3\n", 4, None, "too_many_cells"),
        (b'amount,reference\n1,"a\nb"\n2,"c"d\n', 4, None, "csv"),
        (b'amount,reference\n1,"never closed\n', 2, None, "csv"),
        (b"amount,reference\n1,a\n2,\xff\n", 3, None, "encoding"),
    ],
)
def test_a_file_of_the_wrong_form_says_where(api, rail, funded, raw, line, column, code):
    answer = upload(api, raw)
    assert answer.status_code in {400, 422}, answer.content
    found = [(fault["line"], fault.get("column"), fault["code"]) for fault in answer.json()["errors"]]
    assert (line, column, code) in found, found


def test_a_list_that_no_rail_carries_names_the_line(api, rail, funded):
    rng = random.Random("no rail")
    rows = [good(rng, number) | {"within_minutes": ""} for number in range(4)]
    rows[2]["within_minutes"] = "1"
    raw, lines = written(rows, blank_after={0})
    answer = upload(api, raw).json()
    assert answer["code"] == "no_rail" and [(row["row"], row["line"]) for row in answer["rows"]] == [(2, lines[2])]


@pytest.mark.parametrize("seed", range(4))
def test_whatever_a_file_holds_the_answer_is_a_list_or_a_problem(seed):
    rng = random.Random(f"noise:{seed}")
    for _ in range(400):
        raw, _ = written([good(rng, number) for number in range(3)])
        noisy = bytearray(raw)
        for _ in range(rng.randint(1, 6)):
            noisy[rng.randrange(len(noisy))] = rng.choice([0, 9, 10, 13, 34, 44, 59, 92, 200, 255, rng.randrange(256)])
        try:
            given = csvlist.read(bytes(noisy))
        except Problem as problem:
            assert problem.errors and all(fault["line"] >= 1 and fault["detail"] for fault in problem.errors)
        else:
            assert len(given.items) == len(given.lines) == len(set(given.lines))


def multipart(api, parts, key):
    """As a client sends it: with a boundary of its own for every try."""
    mark = f"----{random.SystemRandom().getrandbits(64):x}"
    body = b"".join(
        f'--{mark}\r\nContent-Disposition: form-data; name="{name}"{f"; filename={chr(34)}{filename}{chr(34)}" if filename else ""}\r\n\r\n'.encode()
        + raw
        + b"\r\n"
        for name, filename, raw in parts
    )
    return api.generic(
        "POST",
        "/v1/transfers/batch",
        body + f"--{mark}--\r\n".encode(),
        f"multipart/form-data; boundary={mark}",
        headers={"Idempotency-Key": key},
    )


def test_the_same_upload_again_under_its_key_is_the_same_answer(api, rail, funded):
    raw, _ = written([good(random.Random("again"), number) | {"amount": "1.00"} for number in range(3)])
    first = multipart(api, [("file", "a.csv", raw), ("name", "", b"May")], "upload-1")
    again = multipart(api, [("name", "", b"May"), ("file", "a.csv", raw)], "upload-1")
    assert first.status_code == again.status_code == 201, again.content
    assert again.json() == first.json() and again.headers["Idempotent-Replayed"] == "true"
    for other in (
        [("file", "a.csv", raw + b"\n"), ("name", "", b"May")],
        [("file", "a.csv", raw), ("name", "", b"June")],
        [("file", "b.csv", raw), ("name", "", b"May")],
    ):
        assert multipart(api, other, "upload-1").json()["code"] == "idempotency_key_reused"


@pytest.mark.parametrize(
    ("parts", "pointer"),
    [([], "/file"), ([("name", "", b"x")], "/file"), ([("other", "a.csv", b"x")], "/other"), ([("file", "", b"text")], "/file"),
     ([("file", "a.csv", b"amount\n1\n"), ("file", "b.csv", b"amount\n1\n")], "/file")],
)  # fmt: skip
def test_an_upload_is_one_file(api, rail, funded, parts, pointer):
    answer = multipart(api, parts, "upload-2")
    assert answer.status_code == 400 and pointer in {fault["pointer"] for fault in answer.json()["errors"]}, answer.content
