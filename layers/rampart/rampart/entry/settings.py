"""What each function is told by its environment; a contract test holds these models to the template."""

from __future__ import annotations

import os
from typing import Self

from rampart.model import Model


class Settings(Model):
    """Settings whose field NAME is the environment variable of that name in capitals."""

    @classmethod
    def from_environment(cls) -> Self:
        """Read the function's environment; raises pydantic's ValidationError that names what is missing."""
        present = {name: os.environ[name.upper()] for name in cls.model_fields if name.upper() in os.environ}
        return cls.model_validate(present)


class TableSettings(Settings):
    table_name: str


class FlagSettings(Settings):
    flipper_url: str
    flipper_secret: str


class DatadogSettings(Settings):
    """Where Datadog is; `datadog_url` overrides the site's address."""

    datadog_site: str
    datadog_secret: str
    datadog_url: str = ""


class EvidenceSettings(DatadogSettings):
    """Where evidence is."""

    cloudwatch_role: str = ""
    """The ARN of the role with which CloudWatch is asked; empty for the function's own."""


class CalendarSettings(Settings):
    """The organization's change calendars: ARNs with commas; `change_calendar_url` overrides the region's address."""

    change_calendars: str = ""
    change_calendar_url: str = ""


class PrepareSettings(TableSettings, FlagSettings, EvidenceSettings, CalendarSettings):
    prove_identity: str = "none"
    """Where the stack is told who starts executions: `none` or `cloudtrail`."""
    policy_uri: str = ""
    """Where the organization's policy is, `s3://bucket/key`; empty for none."""


class AdvanceSettings(TableSettings, FlagSettings, DatadogSettings, CalendarSettings):
    pass


class EvaluateSettings(TableSettings, FlagSettings, EvidenceSettings):
    rollback_function: str


class RollbackSettings(TableSettings, FlagSettings):
    alert_secret: str
    rollback_queue_url: str
    alert_max_age_seconds: int = 900


class NotifySettings(TableSettings, DatadogSettings):
    page_topic_arn: str
    act_topic_arn: str
    know_topic_arn: str
    runbook_url: str
    bus_name: str
