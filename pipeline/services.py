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
from pipeline.machines import Machines
from pipeline.memory import Memory
from pipeline.notes import Notes
from pipeline.notes_table import TableNotes
from pipeline.notification.collected import MailBook
from pipeline.notification.collected_table import TableMailBook
from pipeline.notification.deliveries import DeliveryBook
from pipeline.notification.deliveries_table import TableDeliveries
from pipeline.notification.hook import Caller, Hook
from pipeline.notification.mail import Mailer
from pipeline.notification.mailer import mailer_of
from pipeline.notification.webhook import WebhookSender
from pipeline.poison import AzurePoisonQueue, PoisonQueue
from pipeline.pool import PoolGateway
from pipeline.pool_azure import AzurePool
from pipeline.price_api import RetailPrices
from pipeline.price_table import TablePrices
from pipeline.prices import DailyPrices, PriceList
from shared.clock import Clock, utcnow
from shared.settings import Settings
from shared.webhooks import WebhookEndpoint


def retail_prices(settings: Settings, clock: Clock) -> PriceList | None:
    """The list of prices to ask over the network; None when the settings do not let us."""
    return RetailPrices(settings.price_api, settings.price_currency, clock) if settings.asks_for_prices else None


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
    mailer: Callable[[Settings], Mailer | None] = mailer_of
    deliveries: Callable[[Settings], DeliveryBook] = lambda s: TableDeliveries(s.connection("STORAGE"), s.ledger_table)
    mailbook: Callable[[Settings], MailBook] = lambda s: TableMailBook(s.connection("STORAGE"), s.ledger_table)
    caller: Callable[[Settings, WebhookEndpoint], Caller] = lambda s, endpoint: WebhookSender.of(endpoint, s)
    notes: Callable[[Settings], Notes] = lambda s: TableNotes(s.connection("STORAGE"), s.ledger_table)
    prices: Callable[[Settings, Clock], PriceList | None] = retail_prices


class Services:
    """The settings, the clock and the gateways of one process. Nothing external happens until a gateway is used."""

    def __init__(self, settings: Settings, gateways: Gateways | None = None, clock: Clock = utcnow) -> None:
        self.settings = settings
        self.clock = clock
        self._gateways = gateways or Gateways()
        self.memory = Memory(clock)
        self._hooks: dict[str, Hook] = {}

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

    @cached_property
    def mailer(self) -> Mailer | None:
        """What sends mails; None when nobody is to get any."""
        return self._gateways.mailer(self.settings)

    @cached_property
    def mailbook(self) -> MailBook:
        """The mails that are collected."""
        return self._gateways.mailbook(self.settings)

    @cached_property
    def deliveries(self) -> DeliveryBook:
        """The state of webhook endpoints, and the log of calls."""
        return self._gateways.deliveries(self.settings)

    def hook(self, endpoint: WebhookEndpoint) -> Hook:
        """What calls a webhook endpoint."""
        if endpoint.name not in self._hooks:
            caller = self._gateways.caller(self.settings, endpoint)
            self._hooks[endpoint.name] = Hook(endpoint.name, caller, self.deliveries, self.clock)
        return self._hooks[endpoint.name]

    @cached_property
    def notes(self) -> Notes:
        """What is kept beside the runs."""
        return self._gateways.notes(self.settings)

    @cached_property
    def prices(self) -> PriceList:
        """What machines cost."""
        online = self._gateways.prices(self.settings, self.clock)
        return DailyPrices(online, TablePrices(self.settings.price_currency), self.ledger, self.clock)

    @cached_property
    def machines(self) -> Machines:
        """What the nodes of the pool are."""
        return Machines(self.pool, self.clock)
