"""What is said in more places than one."""

from __future__ import annotations

NO_ONE_IS_TOLD = "No one gets notices: the topic has no confirmed subscriber"
SUBSCRIBE = "Subscribe an address to the stack's topic (parameter NoticeEmail), and confirm it."
