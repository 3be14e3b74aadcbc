"""What someone can do about a flag while AWS can't be asked."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from rampart.words import listed
from rampart_cli.failures import UnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@contextmanager
def by_hand_otherwise(flags: Sequence[str]) -> Iterator[None]:
    """Say that the flag can be set to 0% by hand, where AWS or the stack can't be asked to do it."""
    try:
        yield
    except (BotoCoreError, ClientError, UnreachableError) as error:
        from rampart_cli.wording import in_words  # only where something went wrong

        told = in_words(error)
        which = listed(flags) if flags else "the rollout's flags"
        if "by hand" not in (told.fix or ""):
            told.fix = f"Set {which} to 0% in Flipper by hand: it can't wait. Then: {told.fix or 'try again.'}"
        raise told from error
