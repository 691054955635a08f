"""Cameras to files: the recorder process, the shelf, the janitor."""
