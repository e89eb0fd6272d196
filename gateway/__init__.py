"""The gateway: model, link contract, router, store, bus, daemon and command line. Knows no driver by name."""
