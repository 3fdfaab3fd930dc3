"""What a browser would send back from a form of the admin, field by field."""

from __future__ import annotations

from typing import Any

from payos.kernel.formrows import RowsField


def filled(form: Any, **changes: str) -> dict[str, str]:
    data: dict[str, str] = {}
    for name, field in form.fields.items():
        value = form[name].value()
        if isinstance(field, RowsField):
            for number, row in enumerate(value or []):
                data |= {f"{name}-{number}-{column}": str(text) for column, text in row.items()}
        elif value is True:
            data[name] = "on"
        elif value is not None and value is not False:
            data[name] = ", ".join(value) if isinstance(value, list) else str(value)
    return data | changes
