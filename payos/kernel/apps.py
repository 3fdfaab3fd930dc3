from django.apps import AppConfig


class KernelConfig(AppConfig):
    name = "payos.kernel"
    label = "kernel"
    verbose_name = "System"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from payos.kernel import metrics

        metrics.source(metrics.kernel_source)
        metrics.known(metrics.KERNEL_WORDS)
        metrics.register()
