"""The standard `dataclass`, but what it writes and compiles for a class waits until that is first used. Pure.

The daemon has some 390 dataclasses. The standard decorator writes the source of up to eight methods of each
and compiles it while the module is imported, although most are never called: 0.9 of the 2.2 G instructions of
importing the daemon (x86-64, Python 3.11, cachegrind). Here the first call compiles a constructor, and the
other methods are shared. `fields`, `replace` and `asdict` of `dataclasses` work as ever.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import MISSING, Field, FrozenInstanceError
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # to whoever checks types it is the same
    from dataclasses import dataclass as dataclass
else:

    def dataclass(
        cls: type | None = None, *, frozen: bool = False, slots: bool = False, eq: bool = True, **kw: bool
    ) -> Any:
        """As `dataclasses.dataclass`; of its other options only `kw_only`."""
        if cls is None:
            return lambda cls: dataclass(cls, frozen=frozen, slots=slots, eq=eq, **kw)
        if cls.__doc__ is None:
            cls.__doc__ = f"{cls.__name__} of {cls.__module__}."  # or the signature is made a text, for each
        made = dataclasses.dataclass(cls, init=False, repr=False, eq=False, slots=slots, **kw)
        own = set(made.__dict__)
        if "__init__" not in own:
            made.__init__ = _init_when_called(made, frozen)
        if "__repr__" not in own:
            made.__repr__ = _repr
        if eq and "__eq__" not in own:
            _compare_by_value(made, hashable=frozen)
        if frozen:
            _freeze(made)
            if slots:
                made.__getstate__, made.__setstate__ = _state, _set_state
        return made


def _init_when_called(cls: Any, frozen: bool) -> Callable[..., None]:
    def __init__(self: Any, *values: Any, **named: Any) -> None:
        cls.__init__ = _compiled_init(cls, frozen)
        cls.__init__(self, *values, **named)

    return __init__


def _compiled_init(cls: Any, frozen: bool) -> Callable[..., None]:
    scope: dict[str, Any] = {"_missing": MISSING, "_set": object.__setattr__}
    fields = dataclasses.fields(cls)
    positional = [_parameter(field, scope) for field in fields if field.init and not field.kw_only]
    keywords = [_parameter(field, scope) for field in fields if field.init and field.kw_only]
    parameters = ["self", *positional, *(["*", *keywords] if keywords else [])]
    lines = [line for field in fields for line in _assignment(field, scope, frozen)]
    if hasattr(cls, "__post_init__"):
        lines.append("self.__post_init__()")
    body = "\n  ".join(lines or ["pass"])
    exec(f"def __init__({', '.join(parameters)}):\n  {body}", scope)
    init: Callable[..., None] = scope["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    return init


def _parameter(field: Field[Any], scope: dict[str, Any]) -> str:
    if field.default is not MISSING:
        scope[f"_default_{field.name}"] = field.default
        return f"{field.name}=_default_{field.name}"
    return field.name if field.default_factory is MISSING else f"{field.name}=_missing"


def _assignment(field: Field[Any], scope: dict[str, Any], frozen: bool) -> Iterable[str]:
    value = field.name
    if field.default_factory is not MISSING:
        scope[f"_make_{field.name}"] = field.default_factory
        made = f"_make_{field.name}()"
        value = f"{made} if {field.name} is _missing else {field.name}" if field.init else made
    elif not field.init:
        if field.default is MISSING:
            return
        scope[f"_default_{field.name}"] = field.default
        value = f"_default_{field.name}"
    yield f"_set(self, {field.name!r}, {value})" if frozen else f"self.{field.name} = {value}"


def _repr(self: Any) -> str:
    shown = (
        f"{field.name}={getattr(self, field.name)!r}" for field in dataclasses.fields(self) if field.repr
    )
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _compare_by_value(cls: Any, *, hashable: bool) -> None:
    names = [field.name for field in dataclasses.fields(cls) if field.compare]
    values: Callable[[Any], Any] = attrgetter(*names) if names else lambda self: ()

    def __eq__(self: Any, other: object) -> Any:
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    def __hash__(self: Any) -> int:
        return hash(values(self))

    cls.__eq__ = __eq__
    if not hashable:
        cls.__hash__ = None
    elif "__hash__" not in cls.__dict__:
        cls.__hash__ = __hash__


def _freeze(cls: Any) -> None:
    names = {field.name for field in dataclasses.fields(cls)}

    def __setattr__(self: Any, name: str, value: Any) -> None:
        if type(self) is cls or name in names:
            raise FrozenInstanceError(f"cannot assign to field {name!r}")
        super(cls, self).__setattr__(name, value)

    def __delattr__(self: Any, name: str) -> None:
        if type(self) is cls or name in names:
            raise FrozenInstanceError(f"cannot delete field {name!r}")
        super(cls, self).__delattr__(name)

    cls.__setattr__, cls.__delattr__ = __setattr__, __delattr__


def _state(self: Any) -> list[Any]:
    return [getattr(self, field.name) for field in dataclasses.fields(self)]


def _set_state(self: Any, state: list[Any]) -> None:
    for field, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, field.name, value)
