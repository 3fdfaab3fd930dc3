"""Groups open rows that fit each other in more than one way, so that an operator sees each knot once."""

from __future__ import annotations

from collections.abc import Iterable

import psycopg

from reconciliation.matching.macros import Texts


def knots(edges: Iterable[tuple[int, int]]) -> dict[tuple[str, int], tuple[str, int]]:
    """Every row -> the smallest row of its knot."""
    parent: dict[tuple[str, int], tuple[str, int]] = {}

    def top(node: tuple[str, int]) -> tuple[str, int]:
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for i, e in edges:
        a, b = top(("I", i)), top(("E", e))
        if a != b:
            low, high = sorted((a, b))
            parent[high] = low
    return {node: top(node) for node in parent}


def store(connection: psycopg.Connection, texts: Texts) -> None:
    edges = connection.execute(texts("edges.sql")).fetchall()  # type: ignore[arg-type]
    found = knots(edges)
    names = {knot: number for number, knot in enumerate(sorted(set(found.values())), 1)}
    connection.execute(texts.fill('CREATE TEMP TABLE recon_cluster (side "char", rid int, cluster int) ON COMMIT DROP'))  # type: ignore[arg-type]
    with connection.cursor() as cursor, cursor.copy("COPY recon_cluster FROM STDIN") as copy:
        for node in sorted(found):
            copy.write_row((*node, names[found[node]]))
