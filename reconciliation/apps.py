from django.apps import AppConfig


class ReconciliationConfig(AppConfig):
    name = "reconciliation"
    verbose_name = "Reconciliation"

    def ready(self) -> None:
        from ingestion import registry
        from payos.kernel import demo
        from reconciliation import approvals, demo_data
        from reconciliation.services import importing

        registry.on_file(importing.file_received)
        approvals.register()
        demo.register(demo_data.fill)
