"""JSON from outside: whatever the text is, it is either read or refused with one kind of error."""

from __future__ import annotations

import json


def read_json(text: str | bytes) -> object:
    """What a JSON text says; raises ValueError for everything else, without the text.

    No text, nesting that is too deep to follow, and a number of more digits than Python reads are all refused.
    """
    try:
        answer: object = json.loads(text)
    except RecursionError:
        raise ValueError("it nests too deeply") from None
    except ValueError:
        raise ValueError("it isn't JSON that can be read") from None  # the original carries the text along
    return answer
