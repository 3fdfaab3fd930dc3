"""Django's PostgreSQL backend plus two things: the embedded server, and the tenant scope. And one less: a log of statements in memory.

The scope is written lazily, before the first statement that runs under a scope other than the one the
transaction already carries; a rollback to a savepoint forgets it, because Postgres does too. A statement
outside a transaction runs in one of its own, so that SET LOCAL has something to be local to. That keeps the
whole thing correct behind PgBouncer in transaction mode, where session settings would leak to a stranger.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.backends.postgresql import base

from payos.kernel import tenancy


class DatabaseWrapper(base.DatabaseWrapper):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._payos_applied: tenancy.Scope | None = tenancy.NO_SCOPE
        self.execute_wrappers.append(self._with_scope)

    @property
    def queries_logged(self) -> bool:
        """Only for who asks for it (tests that count). For DEBUG alone, every worker would fill megabytes that nobody reads."""
        return bool(self.force_debug_cursor)

    def get_connection_params(self) -> dict[str, Any]:
        embedded = self.settings_dict.get("EMBEDDED_ROLE")
        if embedded and not self.settings_dict.get("HOST"):
            from payos import embedded as servers

            self.settings_dict.update(servers.django_connection(embedded, self.settings_dict["NAME"]))
        return super().get_connection_params()

    def _with_scope(self, execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        scope = tenancy.current()
        if self.connection is not None and not self.connection.autocommit:
            self.apply_scope()
            return execute(sql, params, many, context)
        if scope is tenancy.NO_SCOPE:
            return execute(sql, params, many, context)
        with transaction.atomic(using=self.alias):
            self.apply_scope()
            return execute(sql, params, many, context)

    def apply_scope(self) -> None:
        """Write the current scope into the open transaction. COPY and raw psycopg callers call this themselves."""
        scope = tenancy.current()
        if self._payos_applied == scope or self.connection is None:
            return
        settings = scope.settings()
        calls = ", ".join("set_config(%s, %s, true)" for _ in settings)
        flat = [text for pair in settings.items() for text in pair]
        # As Django's own errors: a server that went away here is told to callers like anywhere else.
        with self.wrap_database_errors:
            self.connection.execute(f"SELECT {calls}", flat)
        self._payos_applied = scope

    def _forget_scope(self) -> None:
        # None compares unequal to every scope: the next statement writes it again.
        self._payos_applied = None

    def _set_autocommit(self, autocommit: bool) -> None:
        super()._set_autocommit(autocommit)
        self._payos_applied = tenancy.NO_SCOPE

    def _savepoint_rollback(self, sid: str) -> None:
        # The transaction may be aborted, and then takes nothing but this rollback: no scope is written before it.
        self._payos_applied = tenancy.current()
        super()._savepoint_rollback(sid)
        self._forget_scope()

    def _commit(self) -> Any:
        self._payos_applied = tenancy.NO_SCOPE
        return super()._commit()

    def _rollback(self) -> Any:
        self._payos_applied = tenancy.NO_SCOPE
        return super()._rollback()

    def connect(self) -> None:
        super().connect()
        self._payos_applied = tenancy.NO_SCOPE
