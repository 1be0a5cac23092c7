"""Properties that are worked out when they are first asked for, and without a lock."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Self, TypeVar, overload

T = TypeVar("T")


class kept_property(cached_property[T]):
    """A property that is worked out once for each object.

    In Python 3.11, that of `functools` has one lock for all objects of a class, held
    while the value is worked out: threads wait for each other, and a process that is
    forked meanwhile inherits the lock taken, and hangs. Two threads that ask at once
    each work the value out here, as from Python 3.12 on.

    Examples
    --------
    >>> class Circle:
    ...     @kept_property
    ...     def area(self):
    ...         print("worked out")
    ...         return 3
    >>> circle = Circle()
    >>> circle.area + circle.area
    worked out
    6
    """

    @overload
    def __get__(self, instance: None, owner: type[Any] | None = None) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None) -> T: ...
    def __get__(
        self, instance: object | None, owner: type[Any] | None = None
    ) -> Self | T:
        """Return the value, which from then on stands in the object itself."""
        if instance is None:
            return self
        value: T = self.func(instance)
        vars(instance)[self.attrname or ""] = value
        return value
