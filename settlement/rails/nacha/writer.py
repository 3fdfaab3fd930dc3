"""A file as bytes. An unmodified file comes out as it went in; a built one is padded to blocks of ten lines."""

from __future__ import annotations

from settlement.rails.nacha.records import File


def write(file: File) -> bytes:
    records = file.records()
    out = [file.prefix]
    last = len(records) - 1
    for i, record in enumerate(records):
        text, width = record.text, record.width
        if width < len(text) and not text[width:].strip():
            text = text[:width]
        elif width > len(text):
            text = text.ljust(width)
        out.append(text)
        if record.ending is not None:
            out.append(record.ending)
        elif i < last or file.final_newline:
            out.append(file.newline)
    # latin-1 gives every byte back that was read, the ones that an ACH file must not hold included
    return "".join(out).encode("latin-1")
