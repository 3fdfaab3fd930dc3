from django.apps import AppConfig


class SettlementConfig(AppConfig):
    name = "settlement"
    verbose_name = "Settlement"

    def ready(self) -> None:
        from payos.kernel import demo
        from payos.kernel.adminsite import register_page
        from settlement import approvals, calendar, case_actions, demo_data

        approvals.register()
        case_actions.register()
        register_page("settlement/calendar/", calendar.view, "settlement_calendar")
        demo.register(demo_data.fill)
