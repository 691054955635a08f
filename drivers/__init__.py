"""One folder a protocol; the registry of drivers."""
