"""What tells others that the gateway lives: the watchdog and health page, metrics, and whether its clock can be believed."""
