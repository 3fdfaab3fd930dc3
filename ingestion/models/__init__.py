from ingestion.models.connector import Connector, ConnectorRun, ConnectorSeen
from ingestion.models.file import SourceFile
from ingestion.models.payment import Payment, PaymentReference, PaymentState
from ingestion.models.profile import MappingProfile
from ingestion.models.source import RawMessage, Source, WebhookLatency, WebhookStat
from ingestion.models.staging import Currency, PaymentStaging, StagingProcessLog

__all__ = [
    "Connector",
    "ConnectorRun",
    "ConnectorSeen",
    "Currency",
    "MappingProfile",
    "Payment",
    "PaymentReference",
    "PaymentStaging",
    "PaymentState",
    "RawMessage",
    "SourceFile",
    "Source",
    "StagingProcessLog",
    "WebhookLatency",
    "WebhookStat",
]
