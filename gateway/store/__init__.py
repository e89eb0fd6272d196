"""The durable store: outbox, duplicate window, receipts owed, registry, link memory; one SQLite file, one thread.

Start with gateway.store.opening.open_store; `Store.run` takes functions of an Outbox. docs/architecture.md shows where
it stands.
"""
