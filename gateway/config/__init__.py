"""TOML to checked settings: every fault at once, each with its dotted path."""
