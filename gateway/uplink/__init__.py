"""From the outbox to the county and back: MQTT, receipts, commands."""
