"""The daemon: alarms in, alarms kept, alarms forwarded; cameras recorded beside it."""

__version__ = "0.1.0"
