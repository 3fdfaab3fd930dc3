from django.apps import AppConfig


class SettlementConfig(AppConfig):
    name = "settlement"
    verbose_name = "Settlement"

    def ready(self) -> None:
        from payos.kernel import demo
        from settlement import approvals, demo_data

        approvals.register()
        demo.register(demo_data.fill)
