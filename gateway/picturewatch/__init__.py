"""Watches the cameras' pictures and raises what is wrong with them (service of layer 4; pictures are never decoded here)."""

from gateway.picturewatch.service import PictureWatch

__all__ = ["PictureWatch"]
