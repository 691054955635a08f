"""What follows from values alone: alarm transitions, escalation, retention, coverage. Pure."""
