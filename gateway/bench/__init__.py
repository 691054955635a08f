"""What the gateway takes and how fast it is: benchmarks of the real daemon, a real broker and simulated devices.

Nothing of the daemon imports this package: it knows the simulators, and they are loaded for a benchmark only.
"""
