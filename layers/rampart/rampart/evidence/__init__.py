"""Evidence and the rule that judges it: pure functions from what was measured to a verdict that explains itself.

`judge` in `criteria` is the way in. `series`, `buckets` and `silence` say what counts as evidence and what does not,
`grid`, `mixture`, `interval`, `rule` and `rate` are the rule for rates, `sides`, `ratio` and `compare` hold one path
against another by the same mixture, `blame` and `share` ask both, `limits` judges everything else, and `power`,
`dilution` and `clump` tell a plan beforehand what its criteria can find.
"""

RULE_VERSION = "3"
"""Changes whenever the same evidence could get another verdict; stored with every evaluation."""
