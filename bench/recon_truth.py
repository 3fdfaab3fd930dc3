"""Holds a run's OUT.json against the truth, line by line, so that a million matches need little memory."""

from __future__ import annotations

import json
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.recon_generator import Truth

INTERCHANGEABLE = {"identical"}


@dataclass
class Known:
    """The truth as arrays: which group and which discrepancy type each row belongs to."""

    group: dict[str, array] = field(default_factory=lambda: {"I": array("i"), "E": array("i")})
    wrong: dict[str, array] = field(default_factory=lambda: {"I": array("b"), "E": array("b")})
    partner: dict[str, list[str]] = field(default_factory=dict)
    events: list[str] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    decidable: list[bool] = field(default_factory=list)
    shown: list[bool] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    event_of_type: dict[tuple[str, int], str] = field(default_factory=dict)

    def _set(self, store: dict[str, array], side: str, row: str, value: int) -> None:
        cells, index = store[side], int(row[3:])
        if len(cells) <= index:
            cells.extend([-1] * (index * 2 + 1024 - len(cells)))
        cells[index] = value

    def get(self, store: dict[str, array], side: str, row: str) -> int:
        index = int(row[3:])
        return store[side][index] if index < len(store[side]) else -1

    def add(self, truth: Truth) -> None:
        for mine, theirs in truth.groups:
            number = len(self.events)
            self.events.append(truth.event)
            self.sizes.append((len(mine), len(theirs)))
            self.decidable.append(truth.decidable)
            self.shown.append(truth.decidable or truth.shown)
            for row in mine:
                self._set(self.group, "I", row, number)
            for row in theirs:
                self._set(self.group, "E", row, number)
        for name, mine, theirs in truth.discrepancies:
            if name not in self.types:
                self.types.append(name)
            for side, rows in (("I", mine), ("E", theirs)):
                for row in rows:
                    self._set(self.wrong, side, row, self.types.index(name))
                    self.event_of_type[side, int(row[3:])] = truth.event
            if mine and theirs and len(mine) == 1:
                self.partner[mine[0]] = list(theirs)


def gather(truths: Iterable[Truth]) -> Known:
    known = Known()
    for truth in truths:
        known.add(truth)
    return known


def sections(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of OUT.json with the section it stands in."""
    section = ""
    with path.open() as file:
        for line in file:
            line = line.strip().rstrip(",")
            if line.startswith(('{"matches":[', '"suggestions":[', '"discrepancies":[')):
                section = line.split('"')[1]
            elif line.startswith("{"):
                yield section, json.loads(line)


@dataclass
class Verdict:
    right: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    wanted: Counter[str] = field(default_factory=Counter)
    false_examples: list[tuple[str, Any]] = field(default_factory=list)
    missed_examples: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    suggestions_asked: int = 0
    suggestions_hit: int = 0
    # Rows to which something is suggested first, and whether that is right; apart from them those whose amounts differ.
    firsts: Counter[str] = field(default_factory=Counter)
    firsts_right: Counter[str] = field(default_factory=Counter)
    types_asked: Counter[str] = field(default_factory=Counter)
    types_right: Counter[str] = field(default_factory=Counter)
    type_confusion: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    @property
    def false_matches(self) -> int:
        return sum(self.wrong.values())

    @property
    def recall(self) -> float:
        return sum(self.right[event] for event in self.wanted) / max(1, sum(self.wanted.values()))

    @property
    def type_rate(self) -> float:
        return sum(self.types_right.values()) / max(1, sum(self.types_asked.values()))

    @property
    def suggestion_rate(self) -> float:
        return self.suggestions_hit / self.suggestions_asked if self.suggestions_asked else 1.0


def judge(known: Known, path: Path) -> Verdict:
    verdict = Verdict()
    done = array("i", [0]) * max(1, len(known.events))
    for number, event in enumerate(known.events):
        if known.decidable[number]:
            verdict.wanted[event] += known.sizes[number][0] if event in INTERCHANGEABLE else 1
    offered: dict[str, list[list[str]]] = defaultdict(list)
    said: dict[tuple[str, int], str] = {}
    for section, item in sections(path):
        if section == "matches":
            _match(known, verdict, done, item)
        elif section == "suggestions":
            for row in item["internal"]:
                if not offered[row]:
                    _first(known, verdict, row, item)
                if len(offered[row]) < 3:
                    offered[row].append(item["external"])
        elif section == "discrepancies":
            for side, rows in (("I", item["internal"]), ("E", item["external"])):
                for row in rows:
                    said[side, int(row[3:])] = item["type"]
    _suggestions(known, verdict, done, offered)
    _types(known, verdict, said)
    return verdict


def _match(known: Known, verdict: Verdict, done: array, item: dict[str, Any]) -> None:
    groups = {known.get(known.group, "I", row) for row in item["internal"]}
    groups |= {known.get(known.group, "E", row) for row in item["external"]}
    number = groups.pop() if len(groups) == 1 else -1
    event = known.events[number] if number >= 0 else item["method"]
    size = (len(item["internal"]), len(item["external"]))
    if number >= 0 and (size == known.sizes[number] or (event in INTERCHANGEABLE and size == (1, 1))):
        verdict.right[event] += 1
        done[number] += 1
    else:
        verdict.wrong[event] += 1
        if len(verdict.false_examples) < 20:
            verdict.false_examples.append((event, {**item, "internal": item["internal"][:3], "external": item["external"][:3]}))


def _first(known: Known, verdict: Verdict, row: str, item: dict[str, Any]) -> None:
    kind = "of another amount" if item["reason"].get("perhaps") else "others"
    number = known.get(known.group, "I", row)
    right = any(
        theirs in known.partner.get(row, ()) or (number >= 0 and known.get(known.group, "E", theirs) == number)
        for theirs in item["external"]
    )
    verdict.firsts[kind] += 1
    verdict.firsts_right[kind] += right


def _suggestions(known: Known, verdict: Verdict, done: array, offered: dict[str, list[list[str]]]) -> None:
    firsts: dict[int, list[str]] = defaultdict(list)
    partners: dict[int, set[str]] = defaultdict(set)
    for side, cells in known.group.items():
        for index, number in enumerate(cells):
            if number >= 0 and known.shown[number] and not done[number]:
                row = f"{'INT' if side == 'I' else 'EXT'}{index:08d}"
                if side == "I":
                    firsts[number].append(row)
                else:
                    partners[number].add(row)
    for number, rows in firsts.items():
        event = known.events[number]
        if len(verdict.missed_examples[event]) < 5:
            verdict.missed_examples[event].append((rows[:3], sorted(partners[number])[:3]))
        verdict.suggestions_asked += 1
        verdict.suggestions_hit += any(partners[number] & set(external) for external in offered.get(rows[0], []))
    for row, wanted in known.partner.items():
        verdict.suggestions_asked += 1
        verdict.suggestions_hit += any(set(wanted) & set(external) for external in offered.get(row, []))


def _types(known: Known, verdict: Verdict, said: dict[tuple[str, int], str]) -> None:
    for side, cells in known.wrong.items():
        for index, code in enumerate(cells):
            if code >= 0:
                wanted, got = known.types[code], said.get((side, index), "none")
                verdict.types_asked[wanted] += 1
                verdict.types_right[wanted] += wanted == got
                if wanted != got:
                    verdict.type_confusion[known.event_of_type[side, index], wanted, got] += 1
