"""Counts the calls that a process makes to Azure's services: HTTP by port, Service Bus by transfer."""

from __future__ import annotations

import json
import threading
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from azure.servicebus import ServiceBusSender

SENDS = "sends"
"""Transfers to Service Bus, of one message or of a batch of them."""
_SECONDS = 0.25


class Calls:
    """The calls of this process since `count` was called; ports as text."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def count(self) -> None:
        """Count from now on, for as long as the process lives."""
        http, amqp = requests.adapters.HTTPAdapter.send, ServiceBusSender.send_messages

        def send(adapter: Any, request: Any, *arguments: Any, **options: Any) -> Any:
            self._add(str(urlsplit(request.url).port))
            return http(adapter, request, *arguments, **options)

        def send_messages(sender: Any, *arguments: Any, **options: Any) -> Any:
            self._add(SENDS)
            return amqp(sender, *arguments, **options)

        requests.adapters.HTTPAdapter.send = send  # type: ignore[method-assign,assignment]
        ServiceBusSender.send_messages = send_messages  # type: ignore[method-assign,assignment]

    def so_far(self) -> Counter[str]:
        """How many there were."""
        with self._lock:
            return Counter(self._counts)

    def keep_in(self, file: Path) -> None:
        """Write them into a file, again and again."""
        threading.Thread(target=self._keep, args=(file,), daemon=True).start()

    def _keep(self, file: Path) -> None:
        draft = file.with_suffix(".new")
        while True:
            draft.write_text(json.dumps(self.so_far()))
            draft.replace(file)
            threading.Event().wait(_SECONDS)

    def _add(self, name: str) -> None:
        with self._lock:
            self._counts[name] += 1
