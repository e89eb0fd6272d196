"""The command bus: MQTT topics, payloads, receipts, and the in-memory bus of the simulation."""
