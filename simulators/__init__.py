"""Devices and a county to rehearse with; each can be told to misbehave."""
