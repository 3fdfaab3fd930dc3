from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "webhooks"
    verbose_name = "Webhooks"

    def ready(self) -> None:
        from payos.kernel import metrics, outbox
        from webhooks import case_actions, fanout, selectors

        outbox.subscribe("*", fanout.fan_out)
        case_actions.register()
        metrics.source(selectors.metrics_source)
        metrics.known(selectors.METRIC_WORDS)
