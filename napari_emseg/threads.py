"""One thread for linear algebra, while a picture is segmented."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache, wraps
from threading import Lock
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import scipy.linalg  # noqa: F401  # loads its BLAS, which is to be found too
from threadpoolctl import ThreadpoolController

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

P = ParamSpec("P")
Step = TypeVar("Step")
Result = TypeVar("Result")
_LIMITING = Lock()


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")


@contextmanager
def one_thread() -> Iterator[None]:
    """Let BLAS have one thread inside of this context.

    The matrices of a mixture have a few rows: more threads wait for each other longer
    than they work, tenfold where a core is taken by something else.
    """
    # The limit is the whole process's: were two threads to set it, one would take the
    # other's for the user's, and restore that.
    if not _LIMITING.acquire(blocking=False):
        yield
        return
    try:
        with _blas().limit(limits=1):
            yield
    finally:
        _LIMITING.release()


def one_thread_a_step(
    make: Callable[P, Generator[Step, None, Result]],
) -> Callable[P, Generator[Step, None, Result]]:
    """Let each step of a generator run in one thread, and what is between as it was."""

    @wraps(make)
    def steps(*args: P.args, **kwargs: P.kwargs) -> Generator[Step, None, Result]:
        inner = make(*args, **kwargs)
        try:
            while True:
                with one_thread():
                    try:
                        step = next(inner)
                    except StopIteration as stop:
                        result: Result = stop.value
                        return result
                yield step
        finally:
            inner.close()

    return steps
