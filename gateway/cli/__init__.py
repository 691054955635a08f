"""The command line: one module a command, each a function that returns the exit code (CONTRACT, "Command line")."""
