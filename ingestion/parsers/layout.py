"""Where the table is in a file of rows, and what its columns mean: from a profile, or found out from the rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ingestion.parsers import headers
from ingestion.parsers.profiles import Profile
from ingestion.parsers.records import AmountError, Unreadable
from ingestion.parsers.values import (
    Dates,
    Numbers,
    cell_text,
    date_order,
    decimal_mark,
    direction,
    is_amount,
    is_date,
    plain,
)

#: Rows looked at before the rest is read.
SAMPLE_ROWS = 400
#: A preamble longer than this is no preamble.
MAX_PREAMBLE = 100
#: As many as a spreadsheet can have.
MAX_COLUMNS = 16_384

_NOT_OURS = re.compile(r"\b(orig\w*|foreign|local|exchange|from|to|target|source|oorspr|puvodni|transfer|converted|payment)\b")
_CURRENCY_IN_NAME = re.compile(r"\b([A-Z]{3})\b")
_CODE_BESIDE = re.compile(r"(?<![A-Za-z])([A-Z]{3})(?![A-Za-z])")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{1,4}){3,8}\b")
_SYMBOLS = {"€": "EUR", "£": "GBP", "₹": "INR", "₦": "NGN", "zł": "PLN", "Kč": "CZK", "R$": "BRL", "KSh": "KES", "Ksh": "KES"}
_PREAMBLE_ACCOUNT = re.compile(
    r"(?:iban|account(?: number| no\.?)?|konto(?:nummer)?|short ?code|rekening(?:nummer)?|compte|cuenta|till|n°)\W{1,4}(?=[A-Z*]{0,6}[0-9*])([A-Z0-9][A-Z0-9 .*/-]{3,40})",
    re.IGNORECASE,
)
_A_DATE = re.compile(r"\d{1,2}[./-]\d{1,2}[./-]\d{2,4}")
#: Words of banks in countries that write the day first, in headers that are English all the same.
_DAY_FIRST = frozenset(
    ("sort code", "paid in", "paid out", "money in", "money out", "narration", "cheque number", "cheque no", "chq ref number", "iban")
)


@dataclass
class Layout:
    """Columns by index, and how to read their cells."""

    header_row: int  # -1: the table has no header
    names: list[str]
    columns: dict[str, int]
    references: dict[str, int]
    descriptions: list[int]
    numbers: Numbers
    dates: Dates
    profile: Profile | None = None
    currency: str = ""
    account: str = ""
    assumed: list[str] = field(default_factory=list)
    #: Columns made of others, right of the ones that are there: texts and places by turns.
    computed: list[list[str | int]] = field(default_factory=list)

    def width(self) -> int:
        return len(self.names)


def texts(row: Sequence[object]) -> list[str]:
    return [cell.strip() if type(cell) is str else cell_text(cell).strip() for cell in row]


def find(rows: Sequence[Sequence[object]], profile: Profile | None, delimiter: str = "") -> Layout:
    """The layout of a file, from its first rows."""
    wide = max(map(len, rows), default=0)
    if wide > MAX_COLUMNS:
        raise Unreadable(f"a row has {wide} columns; a statement has at most {MAX_COLUMNS}: is the delimiter right?")
    sample = [texts(row) for row in rows]
    if profile is not None:
        return _by_profile(sample, profile)
    best, best_score = -1, 0
    for index, row in enumerate(sample[:MAX_PREAMBLE]):
        points = headers.score(row)
        if points > best_score:
            best, best_score = index, points
    if best >= 0:
        names = sample[best]
        columns, references, descriptions = headers.assign(names)
        layout = Layout(best, names, columns, references, descriptions, Numbers(), Dates())
    else:
        layout = _headerless(sample)
    _settle(layout, sample, delimiter)
    return layout


def _by_profile(sample: list[list[str]], profile: Profile) -> Layout:
    wanted = {plain(name) for names in (*profile.columns.values(), *profile.references.values()) for name in names}
    signature = [plain(name) for name in profile.signature]
    if not profile.has_header:
        width = max((len(row) for row in sample), default=0)
        index = profile.header_row if profile.header_row is not None else -1
        names = [str(number) for number in range(width)]
    else:
        index = -1
        if profile.header_row is not None:
            index = profile.header_row if profile.header_row < len(sample) else -1
        else:
            best = 0
            for number, row in enumerate(sample[:MAX_PREAMBLE]):
                found = {plain(name) for name in row}
                if signature and not found.issuperset(signature):
                    continue
                hits = len(found & wanted)
                if hits > best:
                    index, best = number, hits
        if index < 0:
            missing = ", ".join(profile.signature or sorted(name for names in profile.columns.values() for name in names[:1]))
            raise Unreadable(f"no header row of profile {profile.name!r} in the first {MAX_PREAMBLE} rows: looked for {missing}")
        names = sample[index]
    plain_names = [plain(name) for name in names]

    def place(options: Sequence[str]) -> int | None:
        for option in options:
            key = plain(option)
            if key in plain_names:
                return plain_names.index(key)
        return None

    columns = {key: at for key, options in profile.columns.items() if (at := place(options)) is not None}
    references = {key: at for key, options in profile.references.items() if (at := place(options)) is not None}
    descriptions = [at for option in profile.columns.get("description", ()) if (at := place((option,))) is not None]
    made: list[list[str | int]] = []
    for target, text in profile.computed.items():
        at = len(names) + len(made)
        made.append(_template(text, place, profile.name))
        if target == "description":
            descriptions = [at]
        elif target.startswith("reference:"):
            references[target[10:]] = at
        if not target.startswith("reference:"):
            columns[target] = at
    needed = {name for _, name in profile.amount_terms} or {"amount", "credit", "debit", "net"}
    for _, name in profile.amount_terms:
        # A term may name a column of the file that means nothing by itself, such as a tax.
        if name not in columns and (at := place((name,))) is not None:
            columns[name] = at
    if not needed & columns.keys():
        raise Unreadable(f"the header has no amount column of profile {profile.name!r}: it has {', '.join(names)[:200]}")
    layout = Layout(
        index, names, columns, references, descriptions, Numbers(), Dates(), profile, profile.currency, profile.account, computed=made
    )
    _settle(layout, sample, profile.delimiter)
    return layout


def _template(text: str, place: Callable[[Sequence[str]], int | None], name: str) -> list[str | int]:
    """A computed field as its texts and the places of its columns, by turns."""
    parts: list[str | int] = []
    for number, piece in enumerate(re.split(r"\{([^{}]+)\}", text)):
        if number % 2 == 0:
            parts.append(piece)
            continue
        at = place((piece,))
        if at is None:
            raise Unreadable(f"profile {name!r} computes with a column {piece!r} that the file does not have")
        parts.append(at)
    return parts


def _headerless(sample: list[list[str]]) -> Layout:
    """No known header: a column that is always a date and one that is always an amount make a statement."""
    rows = [row for row in sample if len([cell for cell in row if cell]) > 1][:100]
    width = max((len(row) for row in rows), default=0)
    sides = _two_sides(rows, width)
    date_at = amount_at = -1
    for column in range(width):
        cells = [row[column] for row in rows if column < len(row) and row[column]]
        if len(cells) < max(1, len(rows) * 6 // 10):
            continue
        enough = min(len(cells) * 0.8, len(cells) - 1) if len(cells) > 2 else len(cells)  # one row on top may say something else
        if date_at < 0 and sum(map(is_date, cells)) >= enough:
            date_at = column
        elif sides:
            continue
        elif (
            sum(map(is_amount, cells)) >= enough
            and any(("." in cell or "," in cell) for cell in cells)
            and (amount_at < 0 or any(cell.startswith("-") for cell in cells))
            and not (amount_at >= 0 and any(row[amount_at].startswith("-") for row in rows if amount_at < len(row)))
        ):
            amount_at = column
    if date_at < 0 or (amount_at < 0 and not sides):
        raise Unreadable("no header with a date and an amount was recognised, nor columns that hold them: give a mapping profile")
    names = [str(number) for number in range(width)]
    first = next((index for index, row in enumerate(sample) if date_at < len(row) and is_date(row[date_at])), 0)
    text_at = [
        column for column in range(width)
        if column not in (date_at, amount_at, *sides.values())
        and any(any(char.isalpha() for char in row[column]) for row in rows if column < len(row))
    ]  # fmt: skip
    layout = Layout(first - 1, names, {"booking_date": date_at, **(sides or {"amount": amount_at})}, {}, text_at, Numbers(), Dates())
    layout.assumed.append("no header was found; date and amount were recognised by their shape")
    return layout


def _two_sides(rows: list[list[str]], width: int) -> dict[str, int]:
    """A debit and a credit column without a header: each row has one of them, and a running balance proves which is which."""

    def side(column: int) -> list[bool] | None:
        cells = [row[column] if column < len(row) else "" for row in rows]
        filled = [cell for cell in cells if cell]
        good = (
            filled
            and all(is_amount(cell) and cell[0] not in "-+" for cell in filled)
            and any("." in cell or "," in cell for cell in filled)
        )
        return [bool(cell) for cell in cells] if good and len(filled) < len(cells) else None

    for left in range(width - 2):
        first, second = side(left), side(left + 1)
        if first is None or second is None or any(one == other for one, other in zip(first, second, strict=True)):
            continue
        cells = [row[column] for row in rows for column in (left, left + 1) if column < len(row) and row[column]]
        numbers = Numbers(decimal_mark(cells))
        for at in range(left + 2, width):
            if not all(at < len(row) and is_amount(row[at]) for row in rows):
                continue
            try:
                balances = [numbers.read(row[at], 6) for row in rows]
                moved = [
                    numbers.read(row[left], 6) if has else -numbers.read(row[left + 1], 6) for row, has in zip(rows, first, strict=True)
                ]
            except AmountError:
                continue
            steps = [after - before for before, after in zip(balances, balances[1:], strict=False)]
            if steps in (moved[1:], [-amount for amount in moved[:-1]]):
                return {"credit": left, "debit": left + 1, "balance": at}
            if steps in ([-amount for amount in moved[1:]], moved[:-1]):
                return {"debit": left, "credit": left + 1, "balance": at}
    return {}


def _settle(layout: Layout, sample: list[list[str]], delimiter: str) -> None:
    """Decimal mark, date order, currency and account: from the profile, the names, the preamble or the cells."""
    profile = layout.profile
    body = sample[layout.header_row + 1 :]

    def cells(*fields: str) -> list[str]:
        places = [layout.columns[name] for name in fields if name in layout.columns]
        return [row[at] for row in body for at in places if at < len(row) and row[at]]

    if profile is None and "value_date" in layout.columns and "currency" not in layout.columns:
        # "Valuta" is the value date in one language and the currency in others: the cells say which.
        said = set(cells("value_date"))
        if said and all(len(text) == 3 and _known(text) for text in said):
            layout.columns["currency"] = layout.columns.pop("value_date")
    if profile is None and "direction" not in layout.columns and "amount" in layout.columns:
        _find_direction(layout, body)
    if profile is None and "currency" not in layout.columns:
        _find_currency(layout, body)

    decimal = (profile.decimal if profile else "") or decimal_mark(
        cells("amount", "credit", "debit", "gross", "fee", "net", "balance"), "," if delimiter == ";" and not profile else "."
    )
    layout.numbers = Numbers(decimal, profile.minor_units if profile else False)
    if not layout.currency:
        for name in ("amount", "credit", "debit", "balance", "net"):
            at = layout.columns.get(name)
            match = _CURRENCY_IN_NAME.search(layout.names[at]) if at is not None and layout.header_row >= 0 else None
            if match and match[1] not in ("IBAN",) and _known(match[1]):
                layout.currency = match[1]
                break
    if not layout.currency and "currency" not in layout.columns:
        layout.currency = _by_symbol(layout, cells("amount", "credit", "debit", "balance", "net"))
    order = profile.date_order if profile else ""
    if not order:
        dates = cells("booking_date", "value_date")
        american = (
            decimal == "." and layout.currency in ("", "USD") and {"USD"} >= set(cells("currency")) and all("/" in text for text in dates)
            and (layout.header_row < 0 or any("date" in plain(name).split() for name in layout.names))
            and _DAY_FIRST.isdisjoint(plain(name) for name in layout.names)
        )  # fmt: skip
        order, proven = date_order(dates, "mdy" if american else "dmy")
        if not proven:
            layout.assumed.append(f"the dates can be read two ways; they are read as {order}")
    layout.dates = Dates("mdy" if order == "mdy" else "dmy", profile.date_format if profile else "")
    if layout.header_row > 0:
        _preamble(layout, sample[: layout.header_row])
    if profile is None and "account" in layout.columns:
        # A column with the account of the statement says the same almost everywhere; another one is the other side's.
        accounts = cells("account")
        if layout.account or len(set(accounts)) > max(3, len(body) // 4) or len(accounts) < len([row for row in body if any(row)]) // 2:
            layout.columns.setdefault("counterparty_account", layout.columns.pop("account"))


def _find_direction(layout: Layout, body: list[list[str]]) -> None:
    """Unsigned amounts beside a column that says nothing but debit or credit: that column is their sign."""
    at = layout.columns["amount"]
    rows = [row for row in body if at < len(row) and is_amount(row[at])]
    if not rows or any(row[at].lstrip().startswith(("-", "(", "−")) or row[at].rstrip().endswith("-") for row in rows):
        return
    for column in range(layout.width()):
        words = {row[column].upper() for row in rows if column < len(row)}
        if column != at and words and words != {""} and all(len(word) > 1 and direction(word) is not None for word in words):
            layout.columns["direction"] = column
            return


def _find_currency(layout: Layout, body: list[list[str]]) -> None:
    """A column of nothing but currency codes says the currency, whatever it is called, if it is the only one."""
    amounts = [at for name in ("amount", "credit", "debit", "net") if (at := layout.columns.get(name)) is not None]
    rows = [row for row in body if any(at < len(row) and is_amount(row[at]) for at in amounts)]
    taken = {*layout.columns.values(), *layout.references.values(), *layout.descriptions} if layout.header_row >= 0 else set()
    found = [
        column for column in range(layout.width())
        if column not in taken and not _NOT_OURS.search(plain(layout.names[column]))
        and rows and all(column < len(row) and len(row[column]) == 3 and row[column].isupper() and _known(row[column]) for row in rows)
    ]  # fmt: skip
    if len(found) == 1:
        layout.columns["currency"] = found[0]
        if found[0] in layout.descriptions:
            layout.descriptions.remove(found[0])


def _by_symbol(layout: Layout, cells: list[str]) -> str:
    """The currency of a symbol that stands in the header or in every amount; the dollar's and the yen's are several's."""
    places = [at for name in ("amount", "credit", "debit", "balance", "net") if (at := layout.columns.get(name)) is not None]
    headed = " ".join(layout.names[at] for at in places) if layout.header_row >= 0 else ""
    for symbol, code in _SYMBOLS.items():
        if symbol in headed or (cells and all(symbol in cell for cell in cells)):
            return code
    if not {"euro", "euros", "euroa"}.isdisjoint(plain(headed).split()):
        return "EUR"
    codes = {match[1] if (match := _CODE_BESIDE.search(cell)) else "" for cell in cells}
    return code if len(codes) == 1 and (code := codes.pop()) and _known(code) else ""


def _known(code: str) -> bool:
    from ingestion.parsers.amounts import known_currency

    return known_currency(code)


def _iban(text: str) -> str:
    """The first account number in IBAN form whose check digits are right."""
    for match in _IBAN.finditer(text):
        found = re.sub(r"\s", "", match[0])
        for end in range(len(found), 14, -1):
            part = found[:end]
            if int("".join(str(int(char, 36)) for char in part[4:] + part[:4])) % 97 == 1:
                return part
    return ""


def _preamble(layout: Layout, rows: list[list[str]]) -> None:
    for row in rows[:MAX_PREAMBLE]:
        line = " ".join(cell for cell in row if cell)
        if not layout.account and (number := next((found for cell in row if (found := _iban(cell[:200]))), "")):
            layout.account = number
        match = _PREAMBLE_ACCOUNT.search(line)
        if match and not layout.account and any(char.isdigit() for char in match[1]) and not _A_DATE.match(match[1]):
            layout.account = match[1].split(" / ")[0].strip()
            name, _, last = layout.account.rpartition(" ")
            if name and last.isupper() and _known(last):  # "1234567890 SGD"
                layout.account, layout.currency = name.strip(), layout.currency or last
        if not layout.currency and re.search(r"currency|devise|w[äa]hrung|valuta|moneda|waluta|munt", line, re.IGNORECASE):
            code = next((code for code in _CURRENCY_IN_NAME.findall(line) if _known(code)), "")
            layout.currency = code
