"""What the steps of the pipeline work with: the settings, the gateways, the clock; each gateway built on first use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from pipeline.batch import AzureBatch, BatchGateway
from pipeline.blobs import AzureBlobStore, BlobStore
from pipeline.bus import AzureServiceBus, EventBus
from pipeline.ledger import Ledger, TableLedger
from pipeline.notification.mailer import Mailer, make_mailer
from shared.clock import Clock, utcnow
from shared.settings import Settings


@dataclass(frozen=True)
class Gateways:
    """How each gateway is made; tests put doubles here."""

    ledger: Callable[[Settings], Ledger] = lambda s: TableLedger(s.connection("STORAGE"), s.ledger_table)
    blobs: Callable[[Settings], BlobStore] = lambda s: AzureBlobStore(s.connection("STORAGE"))
    batch: Callable[[Settings], BatchGateway] = lambda s: AzureBatch(s.connection("BATCH"), s.batch_pool_id)
    bus: Callable[[Settings], EventBus] = lambda s: AzureServiceBus(
        s.connection("SERVICEBUS"), s.events_topic, s.webhook_retry_queue
    )
    mailer: Callable[[Settings], Mailer] = lambda s: make_mailer(s.connection("EMAIL"))


class Services:
    """The settings, the clock and the gateways of one process. Nothing external happens until a gateway is used."""

    def __init__(self, settings: Settings, gateways: Gateways | None = None, clock: Clock = utcnow) -> None:
        self.settings = settings
        self.clock = clock
        self._gateways = gateways or Gateways()

    @classmethod
    def from_settings(cls, settings: Settings) -> Services:
        """Services that talk to the real gateways."""
        return cls(settings)

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger."""
        return self._gateways.ledger(self.settings)

    @cached_property
    def blobs(self) -> BlobStore:
        """Blob storage."""
        return self._gateways.blobs(self.settings)

    @cached_property
    def batch(self) -> BatchGateway:
        """Azure Batch."""
        return self._gateways.batch(self.settings)

    @cached_property
    def bus(self) -> EventBus:
        """Service Bus."""
        return self._gateways.bus(self.settings)

    @cached_property
    def mailer(self) -> Mailer:
        """What sends mails."""
        return self._gateways.mailer(self.settings)
