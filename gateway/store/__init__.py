"""The outbox and the registry in SQLite: durable before acknowledged, one owner of state changes."""
