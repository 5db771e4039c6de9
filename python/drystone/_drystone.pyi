"""The native half of the package. It is not for programs."""

from typing import Any

def __getattr__(name: str) -> Any: ...
