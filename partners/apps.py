from django.apps import AppConfig


class PartnersConfig(AppConfig):
    name = "partners"
    verbose_name = "Partners and people"

    def ready(self) -> None:
        from partners import demo, roles, schema, secondfactor  # noqa: F401  (schema registers itself)
        from payos.kernel import demo as demo_registry
        from payos.kernel import rotation, security

        security.after_synchronise(roles.synchronise)
        demo_registry.register(demo.seed)
        rotation.register("second factors", secondfactor.reencrypt)
