"""Scenarios that come with the simulators: TOML files, each for the devices that its first lines name."""
