"""The `coldstart` program as a wheel: the binary, a way to find it, and a driver for Ray."""

from ._find_coldstart import find_coldstart_bin

__all__ = ["find_coldstart_bin"]
