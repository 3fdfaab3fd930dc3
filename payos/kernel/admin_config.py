from django.contrib.admin.apps import AdminConfig


class PayosAdminConfig(AdminConfig):
    default_site = "payos.kernel.adminsite.PayosAdminSite"
