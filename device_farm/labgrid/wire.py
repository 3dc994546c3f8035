"""labgrid's coordinator over gRPC: the one module that imports the gRPC client.

labgrid itself is not needed (to install it brings another pyserial and a pytest plugin along): the coordinator answers
gRPC's server reflection, so it says itself which messages it speaks.
"""

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any, Final, NoReturn

from ontarget.device_farm.errors import StoreFailed, UnsupportedStore

_SERVICE: Final = "labgrid.Coordinator"
_VERSION: Final = "ontarget"
# As labgrid's own client has them: a coordinator that vanished is noticed within some 20 s.
_OPTIONS: Final = (
    ("grpc.keepalive_time_ms", 7500),
    ("grpc.keepalive_timeout_ms", 10000),
    ("grpc.http2.ping_timeout_ms", 10000),
    ("grpc.http2.max_pings_without_data", 0),
    # one that was restarted is found again at once
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 1000),
)


class Refused(Exception):
    """The coordinator understood and said no; the message is its own. Never leaves this package."""


class Wire:
    """A connection to the coordinator at `target` (host:port).

    `updated` is called, in a thread of the connection, with each update message that the coordinator sends of its
    places and resources; `ended` when the stream of them ends. Methods may raise StoreFailed.
    """

    def __init__(self, target: str, *, updated: Callable[[Any], None], ended: Callable[[], None]) -> None:
        try:
            import grpc
            from google.protobuf.descriptor_pool import DescriptorPool
            from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
        except ImportError as error:
            raise UnsupportedStore(
                f"labgrid://{target} is reached over gRPC, which is not installed ({error.name}): "
                "pip install 'ontarget[labgrid]'"
            ) from error
        self._target = target
        self._error: type[Exception] = grpc.RpcError
        self._updated = updated
        self._ended = ended
        self._channel = grpc.insecure_channel(target, options=_OPTIONS)
        try:
            grpc.channel_ready_future(self._channel).result(timeout=10.0)
            pool = DescriptorPool(ProtoReflectionDescriptorDatabase(self._channel))
            self._service = pool.FindServiceByName(_SERVICE)
        except (grpc.FutureTimeoutError, grpc.RpcError, KeyError) as error:
            self._channel.close()
            why = "nobody answers" if isinstance(error, grpc.FutureTimeoutError) else str(error)
            raise StoreFailed(
                f"expected a labgrid coordinator (labgrid 25 or newer) at {target}, found none: {why}; see that "
                'labgrid-coordinator runs there and that store = "labgrid://host:port" names it'
            ) from error
        self._stream: _Stream | None = None

    def call(self, method: str, *, seconds: float = 30.0, **fields: Any) -> Any:
        """Call a method and return its answer. Raises Refused for what the coordinator rejects."""
        found = self._service.methods_by_name[method]
        request, reply = _class(found.input_type), _class(found.output_type)
        call = self._channel.unary_unary(
            f"/{_SERVICE}/{method}",
            request_serializer=request.SerializeToString,
            response_deserializer=reply.FromString,
        )
        try:
            return call(request(**fields), timeout=seconds)
        except self._error as error:
            self._fail(error, method)

    def introduce(self, name: str) -> None:
        """Go by `name` (host/user) from now on; opens the stream of updates where there is none."""
        self._live().send(startup={"version": _VERSION, "name": name})

    def synchronize(self, seconds: float = 5.0) -> None:
        """Return when all that the coordinator knew at the call was handed to `updated`."""
        stream = self._live()
        if not stream.subscribed:
            stream.send(startup={"version": _VERSION, "name": "ontarget/looking"})
            stream.send(subscribe={"all_places": True})
            stream.send(subscribe={"all_resources": True})
            stream.subscribed = True
        if not stream.echo(seconds):
            raise StoreFailed(f"labgrid's coordinator at {self._target} does not answer any more; is it running?")

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
        self._channel.close()

    def _live(self) -> "_Stream":
        if self._stream is None or self._stream.ended.is_set():
            method = self._service.methods_by_name["ClientStream"]
            self._stream = _Stream(
                self._channel,
                _class(method.input_type),
                _class(method.output_type),
                self._error,
                self._updated,
                self._ended,
            )
        return self._stream

    def _fail(self, error: Any, method: str) -> NoReturn:
        import grpc

        said = f"{error.details()}"
        if error.code() in (
            grpc.StatusCode.FAILED_PRECONDITION,
            grpc.StatusCode.INVALID_ARGUMENT,
            grpc.StatusCode.PERMISSION_DENIED,
        ):
            raise Refused(said) from error
        raise StoreFailed(
            f"labgrid's coordinator at {self._target} failed at {method}: {error.code().name}: {said}; is it running?"
        ) from error


class _Stream:
    """The client's stream: what it sends, and a thread that receives."""

    def __init__(
        self,
        channel: Any,
        outgoing: Any,
        incoming: Any,
        error: type[Exception],
        updated: Callable[[Any], None],
        ended: Callable[[], None],
    ) -> None:
        self.subscribed = False
        self.ended = threading.Event()
        self._message = outgoing
        self._outbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._echoes: dict[int, threading.Event] = {}
        self._last = 0
        self._call = channel.stream_stream(
            f"/{_SERVICE}/ClientStream",
            request_serializer=outgoing.SerializeToString,
            response_deserializer=incoming.FromString,
        )(self._sent(), wait_for_ready=True)
        self._error = error
        self._tell = updated
        self._tell_end = ended
        threading.Thread(target=self._receive, name="labgrid updates", daemon=True).start()

    def send(self, **fields: Any) -> None:
        self._outbox.put(self._message(**fields))

    def echo(self, seconds: float) -> bool:
        """Whether the coordinator has answered to this within `seconds`: then it has seen all that was sent before."""
        self._last += 1
        done = self._echoes[self._last] = threading.Event()
        self.send(sync={"id": self._last})
        return not self.ended.is_set() and done.wait(seconds) and not self.ended.is_set()

    def close(self) -> None:
        self._outbox.put(None)
        self._call.cancel()

    def _sent(self) -> Iterator[Any]:
        while (message := self._outbox.get()) is not None:
            yield message

    def _receive(self) -> None:
        try:
            for message in self._call:
                for update in message.updates:
                    self._tell(update)
                if message.HasField("sync"):
                    self._echoes.pop(message.sync.id).set()
        except self._error:
            pass  # whoever waits for an echo is told below, and the next call says what is wrong
        finally:
            self._tell_end()  # first: who sees the end opens another stream
            self.ended.set()
            self._outbox.put(None)
            for event in list(self._echoes.values()):
                event.set()


def _class(descriptor: Any) -> Any:
    from google.protobuf.message_factory import GetMessageClass

    return GetMessageClass(descriptor)
