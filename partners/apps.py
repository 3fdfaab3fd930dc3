from django.apps import AppConfig


class PartnersConfig(AppConfig):
    name = "partners"
    verbose_name = "Partners and people"

    def ready(self) -> None:
        from payos.kernel import ids  # noqa: F401  prefixes are registered there
