"""The description of a setting: one place for its name, meaning, range and choices.

The command line's flags, the form of the Train page, the check of the limits, the rows of a
network's card and `docs/settings.md` are made from it.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bnnlib.errors import BnnlibError
from bnnlib.training.limits import check_range


@dataclass(frozen=True)
class Setting:
    """What a setting means and which values it takes.

    name: of the field. label: for people. help: whole sentences. kind: the type of its values.
    low, high: the range of a number. choices: each value with what it means. optional: None is a
    value too; `none` says what it means. flag: the command line has `--name`. only: the one kind
    of network that has the setting.
    """

    name: str
    label: str
    help: str
    kind: type = float
    low: float = 0.0
    high: float = 0.0
    choices: Mapping[str, str] = field(default_factory=dict)
    none: str = ""
    flag: bool = False
    only: str = ""

    @property
    def option(self) -> str:
        """The flag of the command line."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def is_number(self) -> bool:
        return self.kind in (int, float)

    @property
    def values(self) -> str:
        """The values that it takes, in words."""
        if self.is_number:
            return f"{self.low:,g} to {self.high:,.10g}" + (f", or {self.none}" * bool(self.none))
        return ", ".join(self.choices) or ("yes or no" if self.kind is bool else self.none)

    def check(self, value: Any, name: str = "") -> None:
        """Raises BnnlibError, which calls the setting `name`, unless `value` is one it takes."""
        name = name or self.name
        if value is None and self.none:
            return
        if self.is_number:
            check_range(name, value, self.low, self.high, self.kind is int)
        elif self.choices and value not in self.choices:
            raise BnnlibError(f"{name} is {value!r}: choose {' or '.join(self.choices)}.")
        elif self.kind is bool and not isinstance(value, bool):
            raise BnnlibError(f"{name} is {value!r}: expected true or false.")
        elif self.kind is str and not isinstance(value, str):
            raise BnnlibError(f"{name} is {value!r}: expected a text, {self.values}.")


def setting(default: Any, label: str, help: str, kind: type = float, **more: Any) -> Any:
    """A dataclass field with its description; the other arguments are those of `Setting`."""
    return field(default=default, metadata={"label": label, "help": help, "kind": kind, **more})


def settings_of(config: type) -> dict[str, Setting]:
    """The description of every field that has one, by name."""
    return {
        one.name: Setting(name=one.name, **one.metadata)
        for one in dataclasses.fields(config)
        if one.metadata
    }
