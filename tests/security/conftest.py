from __future__ import annotations

from tests.unit.permission.conftest import bench

__all__ = ["bench"]
