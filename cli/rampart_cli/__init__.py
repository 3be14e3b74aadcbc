"""`rampart`, the operator's command."""
