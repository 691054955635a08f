"""Modbus TCP and RTU: buttons, smoke and heat sensors."""
