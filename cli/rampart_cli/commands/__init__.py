"""The commands, one module each; `rampart_cli.main` hangs them under `rampart`."""
