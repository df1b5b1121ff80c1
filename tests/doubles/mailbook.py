"""Collected mails in memory."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

from pipeline.notification.collected import Digest, Mention
from shared.errors import LedgerConflict


class MemoryMailBook:
    """A `MailBook` in dicts; only the holder of a digest's last version may write it."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], Mention] = {}
        self.digests: dict[str, Digest] = {}
        self._versions = count(1)

    def collect(self, mention: Mention, audiences: frozenset[str]) -> None:
        for name in audiences:
            self.kept[name, mention.key] = mention

    def waiting(self, audience: str, limit: int) -> list[Mention]:
        return [self.kept[key] for key in sorted(self.kept) if key[0] == audience][:limit]

    def mentions(self, digest: Digest) -> list[Mention]:
        return [self.kept[digest.audience, key] for key in digest.members if (digest.audience, key) in self.kept]

    def audiences(self) -> list[str]:
        return sorted({name for name, _ in self.kept} | self.digests.keys())

    def digest(self, audience: str) -> Digest | None:
        return self.digests.get(audience)

    def save(self, after: Digest, before: Digest | None) -> Digest:
        stored = self.digests.get(after.audience)
        if (stored.version if stored else None) != (before.version if before else None):
            raise LedgerConflict
        self.digests[after.audience] = replace(after, version=f"v{next(self._versions)}")
        return self.digests[after.audience]

    def forget(self, audience: str, members: tuple[str, ...]) -> None:
        for key in members:
            self.kept.pop((audience, key), None)

    def end(self, digest: Digest) -> None:
        stored = self.digests.get(digest.audience)
        if stored and stored.version == digest.version:
            del self.digests[digest.audience]
