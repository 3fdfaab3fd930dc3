"""The codes of the ACH network: what an entry does, which classes exist, what a return means, what a notice corrects."""

from __future__ import annotations

from dataclasses import dataclass

SERVICE_CLASSES = {"200": "mixed", "220": "credits", "225": "debits", "280": "ADV"}

# Account kind by the first digit of the transaction code.
ACCOUNT_KINDS = {"2": "checking", "3": "savings", "4": "gl", "5": "loan"}
CREDIT, RETURN_CREDIT, PRENOTE_CREDIT, ZERO_CREDIT = "2", "1", "3", "4"
DEBIT, RETURN_DEBIT, PRENOTE_DEBIT, ZERO_DEBIT = "7", "6", "8", "9"

TRANSACTION_CODES = frozenset(
    [a + b for a in "234" for b in "12346789"] + ["51", "52", "53", "54", "55", "56"]
)  # fmt: skip
RETURN_TRANSACTION_CODES = frozenset([a + b for a in "2345" for b in "16"])
PRENOTE_CODES = frozenset([a + b for a in "234" for b in "38"] + ["53"])
ZERO_CODES = frozenset([a + b for a in "234" for b in "49"] + ["54"])
ADV_CODES = frozenset(str(code) for code in range(81, 89))


def is_credit(code: str) -> bool:
    """Does an entry with this code credit its receiver? (55 is the debit that reverses a loan credit.)"""
    if code in ADV_CODES:
        return int(code) % 2 == 1
    return code[1:] in "1234"


def is_debit(code: str) -> bool:
    if code in ADV_CODES:
        return int(code) % 2 == 0
    return code == "55" or code[1:] in "6789"


def return_transaction_code(code: str) -> str:
    """The code under which an entry comes back: 22 -> 21, 37 -> 36, 55 -> 56."""
    return code[0] + (RETURN_CREDIT if is_credit(code) else RETURN_DEBIT)  # the return of a return keeps its code


def transaction_code(account_type: str, *, credit: bool, prenote: bool = False) -> str:
    first = {"checking": "2", "savings": "3", "gl": "4", "loan": "5"}[account_type]
    if first == "5" and not credit:
        if prenote:
            raise ValueError("A loan account takes no debit prenote.")
        return "55"
    return first + ((PRENOTE_CREDIT if credit else PRENOTE_DEBIT) if prenote else (CREDIT if credit else DEBIT))


@dataclass(frozen=True)
class Sec:
    """A standard entry class: how many addenda an entry may carry, which way money may go."""

    addenda: int
    credits: bool = True
    debits: bool = True
    name_required: bool = False
    limit_minor: int | None = None
    addenda_type: str = "05"


SEC_CODES = {
    "PPD": Sec(1), "CCD": Sec(1), "CTX": Sec(9999), "WEB": Sec(1, name_required=True), "TEL": Sec(0, credits=False, name_required=True),
    "ARC": Sec(0, credits=False, limit_minor=2_500_000), "BOC": Sec(0, credits=False, limit_minor=2_500_000), "POP": Sec(0, credits=False, limit_minor=2_500_000),
    "RCK": Sec(0, credits=False, limit_minor=250_000), "XCK": Sec(0, credits=False, limit_minor=250_000),
    "TRC": Sec(0, credits=False), "TRX": Sec(9999, credits=False), "ACK": Sec(1), "ATX": Sec(9999), "CIE": Sec(1, debits=False), "DNE": Sec(1), "ENR": Sec(9999),
    "MTE": Sec(1, addenda_type="02"), "POS": Sec(1, addenda_type="02"), "SHR": Sec(1, addenda_type="02"), "IAT": Sec(12), "ADV": Sec(0), "COR": Sec(1, addenda_type="98"),
}  # fmt: skip
# What a partner may originate through the rail; the others are read, not made.
ORIGINATED = ("PPD", "CCD", "CTX", "WEB", "TEL", "IAT")

RETRYABLE, NEEDS_DETAILS, FINAL, NOT_AN_OUTCOME = "retryable", "needs_details", "final", "not_an_outcome"


@dataclass(frozen=True)
class ReturnCode:
    """What a return means for us. `retries` counts presentments after the first; `unauthorized` counts to the 0.5% limit."""

    code: str
    meaning: str
    category: str
    days: int | None = 2  # banking days from settlement; 60 means calendar days
    retries: int = 0
    unauthorized: bool = False
    administrative: bool = False  # counts to the 3% limit
    stops_series: bool = False  # no further entry may go to this account without new authority
    escalate: bool = False


def _codes() -> dict[str, ReturnCode]:
    rows = [
        ReturnCode("R01", "Insufficient funds", RETRYABLE, retries=2),
        ReturnCode("R02", "Account closed", NEEDS_DETAILS, administrative=True, stops_series=True),
        ReturnCode("R03", "No account, or the account cannot be located", NEEDS_DETAILS, administrative=True, stops_series=True),
        ReturnCode("R04", "Invalid account number", NEEDS_DETAILS, administrative=True, stops_series=True),
        ReturnCode("R05", "Unauthorized debit to a consumer account under a corporate class", FINAL, 60, unauthorized=True, stops_series=True),
        ReturnCode("R06", "Returned at the request of the originating bank", FINAL, None),
        ReturnCode("R07", "Authorization revoked by the customer", FINAL, 60, unauthorized=True, stops_series=True),
        ReturnCode("R08", "Payment stopped", FINAL, stops_series=True),
        ReturnCode("R09", "Uncollected funds", RETRYABLE, retries=2),
        ReturnCode("R10", "The receiver does not know the originator or did not authorize the debit", FINAL, 60, unauthorized=True, stops_series=True),
        ReturnCode("R11", "Not in accordance with the terms of the authorization", NEEDS_DETAILS, 60, unauthorized=True),
        ReturnCode("R12", "Branch sold to another bank", NEEDS_DETAILS, stops_series=True),
        ReturnCode("R13", "The routing number is not a participant", NEEDS_DETAILS),
        ReturnCode("R14", "Representative payee deceased or unable to continue", FINAL, stops_series=True, escalate=True),
        ReturnCode("R15", "Beneficiary or account holder deceased", FINAL, stops_series=True, escalate=True),
        ReturnCode("R16", "Account frozen, or returned on an OFAC instruction", FINAL, stops_series=True, escalate=True),
        ReturnCode("R17", "Entry criteria or questionable circumstances", NEEDS_DETAILS, escalate=True),
        ReturnCode("R18", "Improper effective entry date", NEEDS_DETAILS, 1),
        ReturnCode("R19", "Amount field error", NEEDS_DETAILS, 1),
        ReturnCode("R20", "Not a transaction account", NEEDS_DETAILS, stops_series=True),
        ReturnCode("R21", "Invalid company identification", NEEDS_DETAILS),
        ReturnCode("R22", "Invalid individual identification", NEEDS_DETAILS),
        ReturnCode("R23", "Credit refused by the receiver", FINAL, None),
        ReturnCode("R24", "Duplicate entry", FINAL),
        ReturnCode("R25", "Addenda error", NEEDS_DETAILS, 1),
        ReturnCode("R26", "Mandatory field error", NEEDS_DETAILS, 1),
        ReturnCode("R27", "Trace number error", NEEDS_DETAILS, 1),
        ReturnCode("R28", "Routing number check digit error", NEEDS_DETAILS, 1),
        ReturnCode("R29", "Corporate customer advises not authorized", FINAL, unauthorized=True, stops_series=True),
        ReturnCode("R30", "The receiving bank does not take part in check truncation", FINAL, 1),
        ReturnCode("R31", "Permissible late return (CCD and CTX)", FINAL, None),
        ReturnCode("R32", "The receiving bank cannot settle", FINAL, 1),
        ReturnCode("R33", "Return of a destroyed check entry (XCK)", FINAL, 60),
        ReturnCode("R34", "Limited participation of the receiving bank", FINAL),
        ReturnCode("R35", "Improper debit for this class", NEEDS_DETAILS, 1),
        ReturnCode("R36", "Improper credit for this class", NEEDS_DETAILS),
        ReturnCode("R37", "The source document was presented for payment", FINAL, 60, unauthorized=True),
        ReturnCode("R38", "Stop payment on the source document", FINAL, 60),
        ReturnCode("R39", "Improper source document, or it was presented for payment", FINAL),
        ReturnCode("R50", "State law affecting re-presented checks", FINAL),
        ReturnCode("R51", "The item of the re-presented check is ineligible or its notice was not given", FINAL, 60, unauthorized=True),
        ReturnCode("R52", "Stop payment on the item of a re-presented check", FINAL, 60),
        ReturnCode("R53", "Both the item and the re-presented check were presented", FINAL, 60, unauthorized=True),
    ]  # fmt: skip
    enr = {
        40: "Return of an enrolment by a federal agency", 41: "Invalid transaction code in an enrolment", 42: "Routing number error in an enrolment",
        43: "Invalid account number in an enrolment", 44: "Invalid individual id in an enrolment", 45: "Invalid name in an enrolment",
        46: "Invalid representative payee indicator", 47: "Duplicate enrolment",
    }  # fmt: skip
    rows += [ReturnCode(f"R{n}", text, FINAL, None) for n, text in enr.items()]
    dishonored = {
        61: "Dishonored: the return was misrouted", 62: "Dishonored: it returns an erroneous or reversing debit", 67: "Dishonored: duplicate return",
        68: "Dishonored: the return came too late", 69: "Dishonored: field errors in the return", 70: "Dishonored: the permissible return was not agreed",
    }  # fmt: skip
    contested = {
        71: "Contested: the dishonored return was misrouted", 72: "Contested: the dishonored return came too late", 73: "Contested: the return was in time",
        74: "Contested: the return, corrected", 75: "Contested: the return was no duplicate", 76: "Contested: no errors were found",
        77: "Contested: the dishonored return is not accepted",
    }  # fmt: skip
    rows += [ReturnCode(f"R{n}", text, NOT_AN_OUTCOME, 5) for n, text in dishonored.items()]
    rows += [ReturnCode(f"R{n}", text, NOT_AN_OUTCOME, 2) for n, text in contested.items()]
    iat = {
        80: "IAT coding error", 81: "The gateway does not take part in IAT", 82: "Invalid identification of the foreign bank",
        83: "The foreign bank cannot settle", 84: "Not processed by the gateway", 85: "An outbound international payment was coded as domestic",
    }  # fmt: skip
    rows += [ReturnCode(f"R{n}", text, NEEDS_DETAILS if n in (80, 82, 85) else FINAL, None) for n, text in iat.items()]
    rows.append(ReturnCode("R90", "Stopped by a sanctions programme", FINAL, None, escalate=True, stops_series=True))
    return {row.code: row for row in rows}


RETURN_CODES = _codes()
DISHONORED = frozenset(f"R{n}" for n in (61, 62, 67, 68, 69, 70))
CONTESTED = frozenset(f"R{n}" for n in range(71, 78))


def return_code(code: str) -> ReturnCode:
    """The meaning of a code; one that the table does not know stops the transfer and asks for a person, never a retry."""
    known = RETURN_CODES.get(code)
    return known or ReturnCode(code, "Unknown return code", FINAL, None, escalate=True, stops_series=True)


# Notice of change: code -> (meaning, the fields its corrected data holds as (name, first, last) within the 29 characters).
CHANGE_CODES: dict[str, tuple[str, tuple[tuple[str, int, int], ...]]] = {
    "C01": ("Incorrect account number", (("account_number", 0, 17),)),
    "C02": ("Incorrect routing number", (("routing_number", 0, 9),)),
    "C03": ("Incorrect routing number and account number", (("routing_number", 0, 9), ("account_number", 12, 29))),
    "C04": ("Incorrect name", (("holder_name", 0, 22),)),
    "C05": ("Incorrect transaction code", (("transaction_code", 0, 2),)),
    "C06": ("Incorrect account number and transaction code", (("account_number", 0, 17), ("transaction_code", 20, 22))),
    "C07": (
        "Incorrect routing number, account number and transaction code",
        (("routing_number", 0, 9), ("account_number", 9, 26), ("transaction_code", 26, 28)),
    ),
    "C08": ("Incorrect identification of the foreign receiving bank (IAT)", (("foreign_bank_id", 0, 29),)),
    "C09": ("Incorrect individual identification number", (("individual_id", 0, 22),)),
    "C10": ("Incorrect company name", (("company_name", 0, 16),)),
    "C11": ("Incorrect company identification", (("company_id", 0, 10),)),
    "C12": ("Incorrect company name and company identification", (("company_name", 0, 16), ("company_id", 16, 26))),
    "C13": ("Addenda format error", ()),
    "C14": ("Incorrect class for an outbound international payment", ()),
}
# A refused notice: the change code it refuses stands in the corrected data.
REFUSED_CHANGE_CODES = frozenset(f"C{n}" for n in range(61, 70))
# Fixed company entry descriptions and the class that may carry them (None: any).
RESERVED_DESCRIPTIONS = {
    "REVERSAL": None, "RETRY PYMT": None, "RETURN FEE": None, "ACCTVERIFY": None, "HCCLAIMPMT": "CCD", "RECLAIM": None, "NONSETTLED": None,
    "PAYROLL": "PPD", "PURCHASE": "WEB", "REDEPCHECK": "RCK",
}  # fmt: skip
