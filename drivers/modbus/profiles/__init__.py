"""The shipped device profiles: data only, a TOML file for each make of module."""
