"""Making reports, keeping them, mailing them."""

from __future__ import annotations

import hashlib
import logging
import uuid
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Max

from console.models import Report, ReportFile, ReportKind, ReportSpan, ReportSubscription
from console.reports import render
from console.reports.build import BUILDERS, DoesNotTie, span_of
from operations.services import open_case
from partners.models import Partner
from payos.kernel import clock, locks, tenancy
from payos.kernel.errors import Problem, register

register("report_not_over", 422, "The span is not over yet", "A report is of a closed day or month: wait until it is over.")
register(
    "report_does_not_tie", 409, "The figures do not agree with the ledger", "Look at the case that was opened; the report is not made."
)
log = logging.getLogger("payos.reports")


def make_report(
    *, kind: str, span: str, day: date, partner_id: uuid.UUID | None = None, livemode: bool = False, again: bool = False
) -> Report:
    """The report of a closed span, in every format. There already: that one, unless a new version is asked `again`."""
    if kind not in BUILDERS:
        raise Problem("unprocessable", f"There is no {kind!r} report here: choose one of {', '.join(sorted(BUILDERS))}.")
    if span not in ReportSpan.values:
        raise Problem("unprocessable", f"{span!r} is no span: choose daily or monthly.")
    partner = Partner.objects.filter(pk=partner_id).first() if partner_id else None
    if (kind == ReportKind.STATEMENT) != (partner is not None):
        raise Problem("unprocessable", "A partner statement needs its partner, and no other report has one.")
    stretch = span_of(span, day, partner.timezone if partner else settings.TIME_ZONE)
    if stretch.end > clock.now():
        raise Problem(
            "report_not_over",
            f"{stretch.label} ends at {stretch.end:%Y-%m-%d %H:%M} UTC: a report is made of a time that is over. Choose an earlier day.",
        )
    key = {
        "kind": kind,
        "span": span,
        "day": day if span == "daily" else day.replace(day=1),
        "partner_id": partner_id,
        "livemode": livemode,
    }
    try:
        with transaction.atomic():
            locks.advisory_xact_lock("report", *(str(value) for value in key.values()))
            known = Report.objects.filter(**key).aggregate(last=Max("version"))["last"]
            if known and not again:
                return Report.objects.get(**key, version=known)
            sections = BUILDERS[kind](stretch, partner, livemode)
            title = f"{ReportKind(kind).label}{f' of {partner.name}' if partner else ''}, {stretch.label}{'' if livemode or not partner else ' (test)'}"
            report = Report(**key, version=(known or 0) + 1, title=title, data={"sections": [section.as_dict() for section in sections]})
            report.save(force_insert=True)
            _files(report)
            return report
    except DoesNotTie as error:
        with tenancy.platform_scope():
            open_case(
                kind="report_does_not_tie",
                cause_key=f"report:{kind}:{span}:{stretch.label}:{partner_id}:{livemode}",
                title=f"The {ReportKind(kind).label.lower()} report of {stretch.label} does not tie to the ledger",
                detail=str(error),
                partner_id=partner_id,
                livemode=livemode,
                severity=4,
                reason_code="does_not_tie",
            )
        raise Problem("report_does_not_tie", str(error)) from error


def _files(report: Report) -> None:
    text = {"title": report.title, "made_at": _stamp(report.made_at), "version": report.version, **report.data}
    files = []
    for format in render.FORMATS:
        try:
            content = render.render(format, text)
        except render.NotHere as error:
            log.warning("report.format_missing", extra={"format": format, "error": str(error)})
            continue
        files.append(
            ReportFile(
                report=report, partner_id=report.partner_id, livemode=report.livemode, format=format, content=content,
                sha256=hashlib.sha256(content).hexdigest(),
            )
        )  # fmt: skip
    ReportFile.objects.bulk_create(files)


def _stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def make_due_reports() -> int:
    """Whatever a closed day or month still lacks, among what is subscribed or platform-wide. Returns how many were made."""
    made = 0
    yesterday = clock.today(settings.TIME_ZONE) - timedelta(days=1)
    last_month = (clock.today(settings.TIME_ZONE).replace(day=1) - timedelta(days=1)).replace(day=1)
    wanted: list[tuple[str, str, date, Any]] = []
    for kind in BUILDERS:
        if kind != ReportKind.STATEMENT:
            wanted += [(kind, "daily", yesterday, None), (kind, "monthly", last_month, None)]
    for row in ReportSubscription.objects.filter(enabled=True, kind=ReportKind.STATEMENT).exclude(partner=None).select_related("partner"):
        zone = row.partner.timezone  # type: ignore[union-attr]
        today = clock.today(zone)
        day = today - timedelta(days=1) if row.span == "daily" else (today.replace(day=1) - timedelta(days=1)).replace(day=1)
        wanted.append((row.kind, row.span, day, row.partner_id))
    for kind, span, day, partner_id in dict.fromkeys(wanted):
        if Report.objects.filter(kind=kind, span=span, day=day, partner_id=partner_id).exists():
            continue
        live = bool(partner_id) and Partner.objects.filter(pk=partner_id, live_enabled=True).exists()
        try:
            mail_report(report=make_report(kind=kind, span=span, day=day, partner_id=partner_id, livemode=live))
            made += 1
        except Problem as problem:
            log.warning("report.not_made", extra={"kind": kind, "span": span, "day": str(day), "error": problem.detail})
    return made


def mail_report(*, report: Report, to: str = "", formats: str = "") -> int:
    """To whom it was subscribed (or the addresses given). Returns how many letters left."""
    letters: list[tuple[list[str], list[str]]] = []
    if to:
        letters.append((_parts(to), _parts(formats) or ["pdf", "xlsx"]))
    else:
        rows = ReportSubscription.objects.filter(enabled=True, kind=report.kind, span=report.span, partner_id=report.partner_id)  # type: ignore[misc]
        letters += [(_parts(row.emails), _parts(row.formats)) for row in rows]
    files = {file.format: file for file in report.files.all()}
    for addresses, wanted in letters:
        letter = EmailMessage(
            report.title,
            f"{report.title}\nMade {_stamp(report.made_at)}, version {report.version}.\n",
            settings.DEFAULT_FROM_EMAIL,
            addresses,
        )
        for format in wanted:
            if format in files:
                letter.attach(file_name(report, format), bytes(files[format].content), render.FORMATS[format])
        letter.send()
    if letters:
        report.mailed_to = ", ".join(address for addresses, _ in letters for address in addresses)
        report.mailed_at = clock.now()
        report.save(update_fields=["mailed_to", "mailed_at"])
    return len(letters)


def file_name(report: Report, format: str) -> str:
    label = f"{report.day:%Y-%m-%d}" if report.span == "daily" else f"{report.day:%Y-%m}"
    return f"payos-{report.kind}-{label}-v{report.version}.{format}"


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
