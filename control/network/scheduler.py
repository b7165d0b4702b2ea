"""Work in fair turns: whoever has used the loop least comes next, so that one sender's work delays only its own.

What counts is measured time, not messages: one pattern may cost as much as a thousand plain messages. Hosts share the
time first, then the senders of each host, so that many ports of one host are no advantage over other hosts.
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

TURN_S: Final = 0.005
"""Longest time worked at a stretch, but for the step in which it ends; then the rest of the loop has its turn."""
PATIENCE_S: Final = 0.05
"""As long as nothing has waited longer, all is carried out in the order of its arrival."""
MAX_WAITING: Final = 8192
"""Maximum number of datagrams that wait, of all senders together."""
MAX_BYTES: Final = 8 << 20
"""Maximum size of what waits, of all senders together."""
MAX_WAIT_S: Final = 2.0
"""A datagram that has waited longer is left out: who sends more than there is time for has newer ones behind it."""
_MAX_REMEMBERED: Final = 256
"""Hosts without work whose use of time is remembered."""

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

Drop = Callable[[Peer, bytes], object]


@dataclass(slots=True, eq=False)
class _Waiting(Generic[T]):
    peer: Peer
    item: T
    since_s: float
    taken: bool = False


class FairQueue(Generic[T]):
    """What waits, by host and sender; of each sender in the order of its arrival.

    Args:
        patience_s: what came longer ago is left to the fair order; until then the order of arrival holds for all, so
            that one program's question is answered after another program's change before it.
    """

    def __init__(self, patience_s: float = 0.0) -> None:
        self._patience_s = patience_s
        self._hosts: dict[str, OrderedDict[Peer, deque[_Waiting[T]]]] = {}
        self._counts: dict[str, int] = {}
        """How many items of each host wait."""
        self._arrived: deque[_Waiting[T]] = deque()
        """All of them, and some that are taken already."""
        self._used_s: OrderedDict[str, float] = OrderedDict()
        """Time used by each host, from that of the one served last on: whoever comes new or was idle starts there."""
        self._now_s = 0.0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, peer: Peer, item: T) -> None:
        """Let an item of a sender wait."""
        waiting = _Waiting(peer, item, time.perf_counter())
        self._line(peer).append(waiting)
        self._arrived.append(waiting)

    def put_back(self, peer: Peer, item: T, since_s: float) -> None:
        """Let an item wait again that was taken, before all others of its sender."""
        waiting = _Waiting(peer, item, since_s)
        self._line(peer).appendleft(waiting)
        self._arrived.appendleft(waiting)

    def take(self) -> tuple[Peer, T, float]:
        """The next item, its sender and when it came; one has to be there."""
        while self._arrived[0].taken:
            self._arrived.popleft()
        oldest = self._arrived[0]
        if time.perf_counter() - oldest.since_s < self._patience_s:
            peer = oldest.peer
        else:
            host = min(self._hosts, key=self._used_s.__getitem__)
            peer = next(iter(self._hosts[host]))
        self._now_s = max(self._now_s, self._used_s[peer.host])
        senders = self._hosts[peer.host]
        senders.move_to_end(peer)
        waiting = self._pop(peer, senders[peer])
        return peer, waiting.item, waiting.since_s

    def spend(self, host: str, seconds: float) -> None:
        """Count time that a host's work took."""
        self._used_s[host] = max(self._used_s.get(host, 0.0), self._now_s) + seconds

    def give_up(self, newest: Peer) -> tuple[Peer, T]:
        """Remove the oldest item of a long line of the host with most items: the newest ones say how things are.

        Args:
            newest: whose item came last. Its own line is taken where that is long, without a look at all others.
        """
        host = max(self._counts, key=self._counts.__getitem__)
        senders = self._hosts[host]
        own = senders.get(newest)
        if own is None or len(own) * len(senders) < self._counts[host]:
            newest = max(senders, key=lambda one: len(senders[one]))
        return newest, self._pop(newest, senders[newest]).item

    def _line(self, peer: Peer) -> deque[_Waiting[T]]:
        """The line of a sender to which an item is added now."""
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

    def _pop(self, peer: Peer, line: deque[_Waiting[T]]) -> _Waiting[T]:
        waiting = line.popleft()
        waiting.taken = True
        self._count -= 1
        self._counts[peer.host] -= 1
        if not line:
            senders = self._hosts[peer.host]
            del senders[peer]
            if not senders:
                del self._hosts[peer.host], self._counts[peer.host]
        return waiting


@dataclass(slots=True)
class _Job:
    steps: Iterator[object]
    packet: bytes = b""
    end: asyncio.Future[None] | None = None


class FairScheduler:
    """Work of the loop itself.

    Args:
        drop: told of each datagram that is left out because too many wait.
    """

    def __init__(self, drop: Drop = lambda _peer, _packet: None) -> None:
        self._drop = drop
        self._queue: FairQueue[_Job] = FairQueue(PATIENCE_S)
        self._bytes = 0
        self._next: asyncio.Handle | None = None

    def offer(self, peer: Peer, packet: bytes, steps: Iterable[object]) -> None:
        """Carry out a datagram's steps in turn, or leave out what waits longest of who has most waiting.

        Args:
            peer: its sender.
            packet: the datagram.
            steps: the work; it may be interrupted between two of them.
        """
        self._bytes += len(packet)
        self._add(peer, _Job(iter(steps), packet))
        while len(self._queue) > MAX_WAITING or (self._bytes > MAX_BYTES and len(self._queue) > 1):
            self._leave_out(*self._queue.give_up(peer))

    async def carry_out(self, peer: Peer, steps: Iterable[object]) -> None:
        """Carry out steps in turn and wait for their end."""
        job = _Job(iter(steps), end=asyncio.get_running_loop().create_future())
        self._add(peer, job)
        assert job.end is not None
        await job.end

    def close(self) -> None:
        """Leave out what still waits."""
        if self._next is not None:
            self._next.cancel()
            self._next = None
        while self._queue:
            self._finish(self._queue.take()[1])

    def _add(self, peer: Peer, job: _Job) -> None:
        self._queue.add(peer, job)
        if self._next is None:
            self._next = asyncio.get_running_loop().call_soon(self._run)

    def _run(self) -> None:
        end_s = time.perf_counter() + TURN_S
        try:
            while self._queue and time.perf_counter() < end_s:
                self._work(*self._queue.take(), end_s)
        finally:
            self._next = asyncio.get_running_loop().call_soon(self._run) if self._queue else None

    def _work(self, peer: Peer, job: _Job, since_s: float, end_s: float) -> None:
        """Carry out a job until its end or a time; one that is interrupted waits for its next turn."""
        begun_s, done = time.perf_counter(), True
        if job.end is None and begun_s > since_s + MAX_WAIT_S:
            self._leave_out(peer, job)
            return
        try:
            with Contained("a message cannot be taken"):
                for _ in job.steps:
                    if time.perf_counter() > end_s:
                        done = False
                        break
        finally:
            self._queue.spend(peer.host, time.perf_counter() - begun_s)
            if done:
                self._finish(job)
        if not done:
            self._queue.put_back(peer, job, since_s)

    def _leave_out(self, peer: Peer, job: _Job) -> None:
        self._finish(job)
        if job.end is None:
            self._drop(peer, job.packet)

    def _finish(self, job: _Job) -> None:
        self._bytes -= len(job.packet)
        if job.end is not None and not job.end.done():
            job.end.set_result(None)


class FairThreadPool:
    """Work of threads, which hosts share in the same way.

    Args:
        threads: how many there are.
        name: of these threads.
    """

    def __init__(self, threads: int, name: str) -> None:
        self._free = threads
        self._threads = ThreadPoolExecutor(threads, name)
        self._waiting: FairQueue[asyncio.Future[None]] = FairQueue()

    async def run(self, peer: Peer, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """What a function returns, called in a thread when it is the peer's turn."""
        await self._place(peer)
        begun_s = time.perf_counter()
        try:
            call = self._threads.submit(function, *args, **kwargs)
            return await asyncio.wrap_future(call)
        finally:
            self._waiting.spend(peer.host, time.perf_counter() - begun_s)
            self._release()

    def close(self) -> None:
        """Do no more; what is being done is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _place(self, peer: Peer) -> None:
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
