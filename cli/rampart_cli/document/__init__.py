"""Reads the rollout plan that a team keeps as a Markdown page, and says what it lacks.

`read` gives the plans and the findings, `outline` the places on the page, `draft` a plan.yaml with its gaps marked.
"""

from __future__ import annotations

from rampart.finding import Finding, Severity
from rampart_cli.document.bindings import Bindings, BindingsError
from rampart_cli.document.diagnostics import Code
from rampart_cli.document.draft import draft
from rampart_cli.document.outline import Box, PlanOutline, StageOutline, outline, outline_of
from rampart_cli.document.page import MAX_BYTES, Page, Span, UnreadablePageError
from rampart_cli.document.plan import PageStage, PlanDocument
from rampart_cli.document.reading import Reading, read

__all__ = [
    "MAX_BYTES",
    "Bindings",
    "BindingsError",
    "Box",
    "Code",
    "Finding",
    "Page",
    "PageStage",
    "PlanDocument",
    "PlanOutline",
    "Reading",
    "Severity",
    "Span",
    "StageOutline",
    "UnreadablePageError",
    "draft",
    "outline",
    "outline_of",
    "read",
]
