"""Which runs somebody wants to hear of: by how they ended, and by how the blob's name begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.runs import SETTLED

STATES = tuple(sorted(state.value for state in SETTLED))


@dataclass(frozen=True, slots=True)
class RunSelector:
    """A choice of settled runs; what is left out lets all through.

    Parameters
    ----------
    states
        Of `STATES`.
    prefixes
        How the blob's name begins; one of them has to fit.

    Raises
    ------
    ValueError
        When a state is none in which runs end.
    """

    states: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a state that no run ends in: it would let nothing through."""
        if unknown := [state for state in self.states if state not in STATES]:
            raise ValueError(f"states of {', '.join(STATES)}, not {', '.join(unknown)}")

    def wants(self, state: str, name: str) -> bool:
        """Tell whether a run that ended so, of a blob of that name, is chosen."""
        return (not self.states or state in self.states) and (not self.prefixes or name.startswith(self.prefixes))

    @property
    def described(self) -> str:
        """The choice in words: ``failed, lost under orders/``."""
        what = ", ".join(self.states) or "every state"
        return f"{what} under {', '.join(self.prefixes)}" if self.prefixes else what


EVERY_RUN = RunSelector()


def selector(states: Sequence[str], prefixes: Sequence[str]) -> RunSelector:
    """Make a selector out of what a settings document lists."""
    return RunSelector(tuple(dict.fromkeys(states)), tuple(dict.fromkeys(prefixes)))
