"""Statement formats, one module each: `render(statements) -> bytes`. Written from the formats' own rules, read by nobody here."""
