from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "ledger"
    verbose_name = "Ledger"

    def ready(self) -> None:
        from ledger import chart
        from partners.registry import on_partner_created

        on_partner_created(chart.apply)
