from django.apps import AppConfig


class IngestionConfig(AppConfig):
    name = "ingestion"
    verbose_name = "Ingestion"

    def ready(self) -> None:
        from ingestion import metrics
        from payos.kernel import metrics as kernel_metrics

        kernel_metrics.source(metrics.samples)
