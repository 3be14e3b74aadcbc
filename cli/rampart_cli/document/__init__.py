"""Reads the rollout plan that a team keeps as a Markdown page, and says what it lacks.

`read` gives the plans and the findings, `outline` the places on the page, `draft` a plan.yaml with its gaps marked.
"""

from __future__ import annotations

from rampart.finding import Severity
from rampart_cli.document.bindings import Bindings, BindingsError
from rampart_cli.document.diagnostics import Code
from rampart_cli.document.draft import draft
from rampart_cli.document.outline import PlanOutline, StageOutline, outline, outline_of
from rampart_cli.document.page import MAX_BYTES, Page, Span
from rampart_cli.document.plan import PlanDocument
from rampart_cli.document.reading import Reading, read

__all__ = [
    "MAX_BYTES",
    "Bindings",
    "BindingsError",
    "Code",
    "Page",
    "PlanDocument",
    "PlanOutline",
    "Reading",
    "Severity",
    "Span",
    "StageOutline",
    "draft",
    "outline",
    "outline_of",
    "read",
]
