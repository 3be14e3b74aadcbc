"""Why a source of evidence does not answer."""

from __future__ import annotations

from enum import StrEnum


class AbsenceReason(StrEnum):
    """Why a question to a metric source has no answer."""

    REFUSED_QUERY = "refused_query"
    """The source does not accept the query."""
    REFUSED_CREDENTIALS = "refused_credentials"
    """The source does not accept the keys."""
    RATE_LIMITED = "rate_limited"
    """The source wants to be asked later."""
    UNREACHABLE = "unreachable"
    """No answer came in time."""
    MALFORMED = "malformed"
    """The answer cannot be understood."""
    HIDDEN_ERROR = "hidden_error"
    """The answer calls itself a success and carries an error."""
    NOT_ASKED = "not_asked"
    """There was no time left to ask."""
