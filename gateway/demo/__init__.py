"""`campus-gateway demo`: a simulated school, its real gateway and its county. The only part that may know simulators."""
