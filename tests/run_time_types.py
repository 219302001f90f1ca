"""The type checker that the import hook of conftest.py puts on every function of the package."""

from __future__ import annotations

from beartype import BeartypeConf, beartype

# An int passes where a float is asked for, as it does for mypy.
check = beartype(conf=BeartypeConf(is_pep484_tower=True))
