from django.apps import AppConfig


class ReconciliationConfig(AppConfig):
    name = "reconciliation"
    verbose_name = "Reconciliation"

    def ready(self) -> None:
        from ingestion import registry
        from payos.kernel import demo
        from reconciliation import approvals, case_actions, demo_data
        from reconciliation.services import importing, rereading

        registry.on_file(importing.file_received)
        registry.on_reading_again(rereading.compare_file, rereading.retire_lines)
        approvals.register()
        case_actions.register()
        demo.register(demo_data.fill)
