"""What the steps of the pipeline work with: the settings, the gateways, the clock; each gateway built on first use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from pipeline.batch import BatchGateway
from pipeline.batch_azure import AzureBatch
from pipeline.batch_guard import GuardedBatch
from pipeline.blobs import AzureBlobStore, BlobStore
from pipeline.bus import AzureServiceBus, EventBus
from pipeline.ledger import Ledger
from pipeline.ledger_table import TableLedger
from pipeline.notification.channel import Channel
from pipeline.notification.delivery import Sender
from pipeline.notification.email import EmailSender
from pipeline.notification.webhook import WebhookSender
from pipeline.poison import AzurePoisonQueue, PoisonQueue
from pipeline.pool import PoolGateway
from pipeline.pool_azure import AzurePool
from shared.clock import Clock, utcnow
from shared.settings import Settings


def sender_of(settings: Settings, channel: Channel) -> Sender | None:
    """What delivers events over a channel; None when the settings name no receiver."""
    match channel:
        case Channel.EMAIL:
            return EmailSender.from_settings(settings)
        case Channel.WEBHOOK:
            return WebhookSender.from_settings(settings)


@dataclass(frozen=True)
class Gateways:
    """How each gateway is made; tests put doubles here."""

    ledger: Callable[[Settings], Ledger] = lambda s: TableLedger(s.connection("STORAGE"), s.ledger_table)
    blobs: Callable[[Settings], BlobStore] = lambda s: AzureBlobStore(s.connection("STORAGE"))
    batch: Callable[[Settings], BatchGateway] = lambda s: GuardedBatch(
        AzureBatch(s.connection("BATCH"), s.batch_pool_id)
    )
    pool: Callable[[Settings], PoolGateway] = lambda s: AzurePool(s.connection("BATCH"), s.batch_pool_id)
    bus: Callable[[Settings], EventBus] = lambda s: AzureServiceBus(s.connection("SERVICEBUS"), s.events_topic)
    poison: Callable[[Settings], PoisonQueue] = lambda s: AzurePoisonQueue(s.connection("STORAGE"))
    sender: Callable[[Settings, Channel], Sender | None] = sender_of


class Services:
    """The settings, the clock and the gateways of one process. Nothing external happens until a gateway is used."""

    def __init__(self, settings: Settings, gateways: Gateways | None = None, clock: Clock = utcnow) -> None:
        self.settings = settings
        self.clock = clock
        self._gateways = gateways or Gateways()
        self._senders: dict[Channel, Sender | None] = {}

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
    def pool(self) -> PoolGateway:
        """The pool that tasks run in."""
        return self._gateways.pool(self.settings)

    @cached_property
    def bus(self) -> EventBus:
        """Service Bus."""
        return self._gateways.bus(self.settings)

    @cached_property
    def poison(self) -> PoisonQueue:
        """The queue of uploads that the trigger failed on."""
        return self._gateways.poison(self.settings)

    def sender(self, channel: Channel) -> Sender | None:
        """What delivers events over a channel; None when no receiver is set."""
        if channel not in self._senders:
            self._senders[channel] = self._gateways.sender(self.settings, channel)
        return self._senders[channel]
