"""Fair scheduling: the host that has used least time is served next, so that a busy sender delays only itself.

Measured time counts, not messages: one pattern may cost as much as a thousand plain messages. Time is shared among
hosts first, then among the senders of each host, so that a host gains nothing by using many ports.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Generic, ParamSpec, TypeVar

from stemfield.control.faults import Contained
from stemfield.control.hub.peers import Peer

SLICE_S: Final = 0.005
"""Time slice after which the event loop does other work; the step in which it ends is finished."""
IN_ORDER_S: Final = 0.05
"""Items that have waited less are served in the order of arrival, whoever sent them."""
MAX_QUEUED: Final = 8192
"""Maximum number of queued datagrams of all senders."""
MAX_BYTES: Final = 8 << 20
"""Maximum size of the queued datagrams of all senders."""
MAX_WAIT_S: Final = 2.0
"""Datagrams that have waited longer are dropped: an overloading sender has newer ones queued."""
_MAX_REMEMBERED: Final = 256
"""Maximum number of idle hosts whose used time is remembered."""

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

Drop = Callable[[Peer, bytes], object]


@dataclass(slots=True, eq=False)
class _Entry(Generic[T]):
    peer: Peer
    item: T
    since_s: float
    taken: bool = False


class FairQueue(Generic[T]):
    """Items queued by host and sender; those of one sender stay in order.

    Args:
        in_order_s: items are served in the order of arrival until one has waited this long, then in the fair order. So
            one program's query sees the change that another program sent before it.
    """

    def __init__(self, in_order_s: float = 0.0) -> None:
        self._in_order_s = in_order_s
        self._hosts: dict[str, OrderedDict[Peer, deque[_Entry[T]]]] = {}
        self._counts: dict[str, int] = {}
        """Number of queued items of each host."""
        self._arrived: deque[_Entry[T]] = deque()
        """All items in the order of arrival, with some that are taken already."""
        self._used_s: OrderedDict[str, float] = OrderedDict()
        """Virtual time used by each host; a new or idle host starts at that of the host served last."""
        self._now_s = 0.0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, peer: Peer, item: T) -> None:
        """Queue an item."""
        entry = _Entry(peer, item, time.perf_counter())
        self._senders_queue(peer).append(entry)
        self._arrived.append(entry)

    def put_back(self, peer: Peer, item: T, since_s: float) -> None:
        """Queue an item that was taken before all others of its sender."""
        entry = _Entry(peer, item, since_s)
        self._senders_queue(peer).appendleft(entry)
        self._arrived.appendleft(entry)

    def take(self) -> tuple[Peer, T, float]:
        """Remove the next item of a queue that is not empty; return its sender, the item, and when it was added."""
        while self._arrived[0].taken:
            self._arrived.popleft()
        oldest = self._arrived[0]
        if time.perf_counter() - oldest.since_s < self._in_order_s:
            peer = oldest.peer
        else:
            host = min(self._hosts, key=self._used_s.__getitem__)
            peer = next(iter(self._hosts[host]))
        self._now_s = max(self._now_s, self._used_s[peer.host])
        senders = self._hosts[peer.host]
        senders.move_to_end(peer)
        entry = self._pop(peer, senders[peer])
        return peer, entry.item, entry.since_s

    def charge(self, host: str, seconds: float) -> None:
        """Count time used for a host."""
        self._used_s[host] = max(self._used_s.get(host, 0.0), self._now_s) + seconds

    def drop_oldest(self, newest: Peer) -> tuple[Peer, T]:
        """Remove the oldest item of a long queue of the host with most items, as newer ones replace it.

        Args:
            newest: sender of the last added item; if its own queue is long, that one is used without a search.
        """
        host = max(self._counts, key=self._counts.__getitem__)
        senders = self._hosts[host]
        own = senders.get(newest)
        if own is None or len(own) * len(senders) < self._counts[host]:
            newest = max(senders, key=lambda one: len(senders[one]))
        return newest, self._pop(newest, senders[newest]).item

    def _senders_queue(self, peer: Peer) -> deque[_Entry[T]]:
        """The queue of a sender, to which an item is about to be added."""
        host = peer.host
        if host not in self._hosts:
            self._hosts[host], self._counts[host] = OrderedDict(), 0
            self._used_s[host] = max(self._used_s.get(host, 0.0), self._now_s)
            self._used_s.move_to_end(host)
            if len(self._used_s) > _MAX_REMEMBERED + len(self._hosts):
                del self._used_s[next(one for one in self._used_s if one not in self._hosts)]
        self._count += 1
        self._counts[host] += 1
        return self._hosts[host].setdefault(peer, deque())

    def _pop(self, peer: Peer, queue: deque[_Entry[T]]) -> _Entry[T]:
        entry = queue.popleft()
        entry.taken = True
        self._count -= 1
        self._counts[peer.host] -= 1
        if not queue:
            senders = self._hosts[peer.host]
            del senders[peer]
            if not senders:
                del self._hosts[peer.host], self._counts[peer.host]
        return entry


@dataclass(slots=True)
class _Job:
    steps: Iterator[object]
    packet: bytes = b""
    end: asyncio.Future[None] | None = None


class FairScheduler:
    """Schedules work in the event loop.

    Args:
        on_drop: called for each datagram that is dropped because too many are queued.
    """

    def __init__(self, on_drop: Drop = lambda _peer, _packet: None) -> None:
        self._on_drop = on_drop
        self._queue: FairQueue[_Job] = FairQueue(IN_ORDER_S)
        self._bytes = 0
        self._next: asyncio.Handle | None = None

    def submit(self, peer: Peer, packet: bytes, steps: Iterable[object]) -> None:
        """Queue a datagram; above the limits, drop the oldest of the host that has most queued.

        Args:
            peer: the sender.
            packet: the datagram.
            steps: its work, which may be interrupted between two steps.
        """
        self._bytes += len(packet)
        self._add(peer, _Job(iter(steps), packet))
        while len(self._queue) > MAX_QUEUED or (self._bytes > MAX_BYTES and len(self._queue) > 1):
            self._drop(*self._queue.drop_oldest(peer))

    async def run(self, peer: Peer, steps: Iterable[object]) -> None:
        """Queue steps and wait until they are done."""
        job = _Job(iter(steps), end=asyncio.get_running_loop().create_future())
        self._add(peer, job)
        assert job.end is not None
        await job.end

    def close(self) -> None:
        """Discard everything queued."""
        if self._next is not None:
            self._next.cancel()
            self._next = None
        while self._queue:
            self._finish(self._queue.take()[1])

    def _add(self, peer: Peer, job: _Job) -> None:
        self._queue.add(peer, job)
        if self._next is None:
            self._next = asyncio.get_running_loop().call_soon(self._run_slice)

    def _run_slice(self) -> None:
        end_s = time.perf_counter() + SLICE_S
        try:
            while self._queue and time.perf_counter() < end_s:
                self._work(*self._queue.take(), end_s)
        finally:
            self._next = asyncio.get_running_loop().call_soon(self._run_slice) if self._queue else None

    def _work(self, peer: Peer, job: _Job, since_s: float, end_s: float) -> None:
        """Run a job until `end_s`; if it is not done by then, put it back."""
        begun_s, done = time.perf_counter(), True
        if job.end is None and begun_s > since_s + MAX_WAIT_S:
            self._drop(peer, job)
            return
        try:
            with Contained("cannot execute a message"):
                for _ in job.steps:
                    if time.perf_counter() > end_s:
                        done = False
                        break
        finally:
            self._queue.charge(peer.host, time.perf_counter() - begun_s)
            if done:
                self._finish(job)
        if not done:
            self._queue.put_back(peer, job, since_s)

    def _drop(self, peer: Peer, job: _Job) -> None:
        self._finish(job)
        if job.end is None:
            self._on_drop(peer, job.packet)

    def _finish(self, job: _Job) -> None:
        self._bytes -= len(job.packet)
        if job.end is not None and not job.end.done():
            job.end.set_result(None)


def charged(charge: Callable[[float], object], steps: Iterable[int]) -> Iterator[None]:
    """Run steps, each of which yields the number of messages it cost, and charge them.

    The first message was charged by `Admission.take`.
    """
    prepaid = 1
    for cost in steps:
        charge(cost - prepaid)
        prepaid = max(prepaid - cost, 0)
        yield


class FairThreadPool:
    """Schedules work in threads, with the same fairness among hosts.

    Args:
        threads: number of threads.
        name: prefix of their names.
    """

    def __init__(self, threads: int, name: str) -> None:
        self._free = threads
        self._threads = ThreadPoolExecutor(threads, name)
        self._waiting: FairQueue[asyncio.Future[None]] = FairQueue()

    async def run(self, peer: Peer, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call a function in a thread when it is the peer's turn, and return its result."""
        await self._acquire(peer)
        begun_s = time.perf_counter()
        try:
            call = self._threads.submit(function, *args, **kwargs)
            return await asyncio.wrap_future(call)
        finally:
            self._waiting.charge(peer.host, time.perf_counter() - begun_s)
            self._release()

    def close(self) -> None:
        """Cancel what is queued, without waiting for running calls."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _acquire(self, peer: Peer) -> None:
        if self._free:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(peer, turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._release()
            raise

    def _release(self) -> None:
        while self._waiting:
            _, turn, _ = self._waiting.take()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
