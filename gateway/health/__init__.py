"""What tells others that the gateway lives: metrics, health page, watchdog."""
