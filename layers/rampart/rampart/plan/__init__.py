"""The plan: what a team writes, checked and pinned."""
