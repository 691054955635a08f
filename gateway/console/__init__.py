"""The guards' screen and its HTTP interface."""
