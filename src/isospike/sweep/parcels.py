"""How contents travel on a cluster: a driver puts bytes, and whoever is handed the parcel gets them."""

from abc import ABC, abstractmethod
from typing import Any, final

from isospike.errors import first_line

PATIENCE = 600  # s that bytes may take to arrive: a GB at 14 Mbit/s


class Parcel(ABC):
    """Bytes on a cluster, for as long as the driver holds this.  A copy on another machine finds them there."""

    @abstractmethod
    def get(self) -> bytes | None:
        """The bytes; None where they are lost, as with the worker that held them."""


@final
class Scattered(Parcel):
    """Of Dask: one worker holds them.  It travels as a name alone: a shard that had the future itself among its
    arguments would be bound to that worker, and lost with it.

    future: of a scattered value."""

    def __init__(self, future: Any) -> None:
        self.key, self.future = future.key, future

    def __reduce__(self) -> tuple[Any, ...]:
        return _Remote, (self.key,)

    def get(self) -> bytes | None:
        found: bytes = self.future.result()
        return found


@final
class _Remote(Parcel):
    """The same in a task of a worker."""

    def __init__(self, key: str) -> None:
        self.key = key

    def get(self) -> bytes | None:
        from distributed import Future, get_client
        from distributed.client import FutureCancelledError

        try:
            found: bytes = Future(self.key, get_client(), "memory").result(PATIENCE)
        except (FutureCancelledError, OSError, TimeoutError):
            return None
        return found


@final
class Put(Parcel):
    """Of Ray: its object stores hold them.

    reference: to the object."""

    def __init__(self, reference: Any) -> None:
        self.reference = reference

    @classmethod
    def of(cls, content: bytes) -> "Put":
        """Raises `OSError` where the stores do not take it."""
        import ray

        try:
            return cls(ray.put(content))
        except ray.exceptions.RayError as error:
            raise OSError(first_line(error)) from error

    def get(self) -> bytes | None:
        import ray

        try:
            found: bytes = ray.get(self.reference, timeout=PATIENCE)
        except ray.exceptions.RayError:
            return None
        return found
