"""Gateway to gateway over narrow bearers: bundles become records and back. docs/air-format.md."""
