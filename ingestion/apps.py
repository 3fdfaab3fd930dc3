from django.apps import AppConfig


class IngestionConfig(AppConfig):
    name = "ingestion"
    verbose_name = "Ingestion"

    def ready(self) -> None:
        from ingestion import case_actions, demo_data, metrics
        from payos.kernel import demo
        from payos.kernel import metrics as kernel_metrics

        kernel_metrics.source(metrics.samples)
        kernel_metrics.known(metrics.WORDS)
        case_actions.register()
        demo.register(demo_data.fill)
