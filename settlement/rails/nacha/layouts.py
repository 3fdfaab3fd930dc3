"""Where each field of each record stands: positions are 1-based and inclusive, as the rules print them.

A capital N marks a numeric field (right-justified, zero-filled); the others are left-justified and blank-filled.
"""

from __future__ import annotations

LENGTH = 94

_TEXT = """
file_header      record:1-1 priority:2-3N destination:4-13 origin:14-23 date:24-29N time:30-33 modifier:34-34 record_size:35-37N blocking:38-39N format:40-40N destination_name:41-63 origin_name:64-86 reference:87-94
batch_header     record:1-1 service_class:2-4N company_name:5-20 discretionary:21-40 company_id:41-50 sec:51-53 description:54-63 descriptive_date:64-69 effective_date:70-75 settlement_day:76-78 originator_status:79-79 odfi:80-87N batch_number:88-94N
batch_header_iat record:1-1 service_class:2-4N iat_indicator:5-20 fx_indicator:21-22 fx_reference_indicator:23-23 fx_reference:24-38 destination_country:39-40 company_id:41-50 sec:51-53 description:54-63 origin_currency:64-66 destination_currency:67-69 effective_date:70-75 settlement_day:76-78 originator_status:79-79 odfi:80-87N batch_number:88-94N
entry            record:1-1 code:2-3N rdfi:4-11N check_digit:12-12N account:13-29 amount:30-39N individual_id:40-54 name:55-76 discretionary:77-78 addenda:79-79N trace:80-94N
entry_ctx        record:1-1 code:2-3N rdfi:4-11N check_digit:12-12N account:13-29 amount:30-39N individual_id:40-54 addenda_count:55-58N name:59-74 reserved:75-76 discretionary:77-78 addenda:79-79N trace:80-94N
entry_cie        record:1-1 code:2-3N rdfi:4-11N check_digit:12-12N account:13-29 amount:30-39N name:40-54 individual_id:55-76 discretionary:77-78 addenda:79-79N trace:80-94N
entry_pop        record:1-1 code:2-3N rdfi:4-11N check_digit:12-12N account:13-29 amount:30-39N check_number:40-48 terminal_city:49-52 terminal_state:53-54 name:55-76 discretionary:77-78 addenda:79-79N trace:80-94N
entry_shr        record:1-1 code:2-3N rdfi:4-11N check_digit:12-12N account:13-29 amount:30-39N card_expiry:40-43 document:44-54 individual_id:55-76 discretionary:77-78 addenda:79-79N trace:80-94N
entry_check      record:1-1 code:2-3N rdfi:4-11N check_digit:12-12N account:13-29 amount:30-39N individual_id:40-54 name:55-76 discretionary:77-78 addenda:79-79N trace:80-94N
entry_iat        record:1-1 code:2-3N rdfi:4-11N check_digit:12-12N addenda_count:13-16N reserved:17-29 amount:30-39N account:40-74 reserved2:75-76 ofac:77-77 ofac_secondary:78-78 addenda:79-79N trace:80-94N
entry_adv        record:1-1 code:2-3N rdfi:4-11N check_digit:12-12N account:13-27 amount:28-39N advice_routing:40-48 file_id:49-53 operator_data:54-54 name:55-76 discretionary:77-78 addenda:79-79N operator_routing:80-87 julian_day:88-90 sequence:91-94N
addenda_02       record:1-1 type:2-3N reference_1:4-10 reference_2:11-13 terminal:14-19 serial:20-25 date:26-29 authorization:30-35 location:36-62 city:63-77 state:78-79 trace:80-94N
addenda_05       record:1-1 type:2-3N information:4-83 sequence:84-87N entry_sequence:88-94N
addenda_10       record:1-1 type:2-3N transaction_type:4-6 amount:7-24N foreign_trace:25-46 name:47-81 reserved:82-87 entry_sequence:88-94N
addenda_11       record:1-1 type:2-3N originator_name:4-38 originator_street:39-73 reserved:74-87 entry_sequence:88-94N
addenda_12       record:1-1 type:2-3N city_state:4-38 country_postal:39-73 reserved:74-87 entry_sequence:88-94N
addenda_13       record:1-1 type:2-3N odfi_name:4-38 odfi_qualifier:39-40 odfi_id:41-74 odfi_country:75-77 reserved:78-87 entry_sequence:88-94N
addenda_14       record:1-1 type:2-3N rdfi_name:4-38 rdfi_qualifier:39-40 rdfi_id:41-74 rdfi_country:75-77 reserved:78-87 entry_sequence:88-94N
addenda_15       record:1-1 type:2-3N receiver_id:4-18 receiver_street:19-53 reserved:54-87 entry_sequence:88-94N
addenda_16       record:1-1 type:2-3N city_state:4-38 country_postal:39-73 reserved:74-87 entry_sequence:88-94N
addenda_17       record:1-1 type:2-3N information:4-83 sequence:84-87N entry_sequence:88-94N
addenda_18       record:1-1 type:2-3N bank_name:4-38 bank_qualifier:39-40 bank_id:41-74 bank_country:75-77 reserved:78-83 sequence:84-87N entry_sequence:88-94N
addenda_98       record:1-1 type:2-3N change_code:4-6 original_trace:7-21 reserved:22-27 original_rdfi:28-35 corrected:36-64 reserved2:65-79 trace:80-94N
addenda_98_refused record:1-1 type:2-3N refused_code:4-6 original_trace:7-21 reserved:22-27 original_rdfi:28-35 corrected:36-64 change_code:65-67 trace_sequence:68-74 reserved2:75-79 trace:80-94N
addenda_99       record:1-1 type:2-3N reason:4-6 original_trace:7-21 date_of_death:22-27 original_rdfi:28-35 information:36-79 trace:80-94N
addenda_99_iat   record:1-1 type:2-3N reason:4-6 original_trace:7-21 date_of_death:22-27 original_rdfi:28-35 payment_amount:36-45 information:46-79 trace:80-94N
addenda_99_dishonored record:1-1 type:2-3N reason:4-6 original_trace:7-21 reserved:22-27 original_rdfi:28-35 reserved2:36-38 return_trace:39-53 return_settlement_day:54-56 return_reason:57-58 information:59-79 trace:80-94N
addenda_99_contested record:1-1 type:2-3N reason:4-6 original_trace:7-21 date_returned:22-27 original_rdfi:28-35 original_settlement_day:36-38 return_trace:39-53 return_settlement_day:54-56 return_reason:57-58 dishonored_trace:59-73 dishonored_settlement_day:74-76 dishonored_reason:77-78 reserved:79-79 trace:80-94N
batch_control    record:1-1 service_class:2-4N count:5-10N hash:11-20N debits:21-32N credits:33-44N company_id:45-54 mac:55-73 reserved:74-79 odfi:80-87N batch_number:88-94N
batch_control_adv record:1-1 service_class:2-4N count:5-10N hash:11-20N debits:21-40N credits:41-60N operator_data:61-79 odfi:80-87N batch_number:88-94N
file_control     record:1-1 batches:2-7N blocks:8-13N count:14-21N hash:22-31N debits:32-43N credits:44-55N reserved:56-94
file_control_adv record:1-1 batches:2-7N blocks:8-13N count:14-21N hash:22-31N debits:32-51N credits:52-71N reserved:72-94
unknown          record:1-1 rest:2-94
"""

Field = tuple[int, int, bool]  # start (0-based), end (exclusive), numeric


def _parse() -> dict[str, dict[str, Field]]:
    layouts: dict[str, dict[str, Field]] = {}
    for line in _TEXT.split("\n"):
        words = line.split()
        if not words:
            continue
        layout, expected = {}, 1
        for word in words[1:]:
            name, _, place = word.partition(":")
            numeric = place.endswith("N")
            first, last = (int(part) for part in place.rstrip("N").split("-"))
            if first != expected:
                raise ValueError(f"layout {words[0]}: {name} starts at {first}, the field before ends at {expected - 1}")
            layout[name], expected = (first - 1, last, numeric), last + 1
        if expected != LENGTH + 1:
            raise ValueError(f"layout {words[0]} ends at {expected - 1}, not at {LENGTH}")
        layouts[words[0]] = layout
    return layouts


LAYOUTS = _parse()

# Which layout the entries of a standard entry class have; the rest have `entry`.
ENTRY_LAYOUT = {
    "CTX": "entry_ctx", "ATX": "entry_ctx", "TRX": "entry_ctx", "ENR": "entry_ctx", "IAT": "entry_iat", "ADV": "entry_adv", "CIE": "entry_cie",
    "MTE": "entry", "POP": "entry_pop", "SHR": "entry_shr", "ARC": "entry_check", "BOC": "entry_check", "RCK": "entry_check", "XCK": "entry_check",
    "TRC": "entry_check",
}  # fmt: skip
