"""Rate limits: a token bucket per peer, for a bounded number of peers."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

MAX_PEERS = 256


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_s: float


class Limiter:
    """At most `rate` things per second from each peer, with bursts of the same size.

    With more than 256 peers, the one that was active longest ago is forgotten.

    Args:
        rate: tokens per second, and capacity of the bucket.
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._buckets: OrderedDict[Hashable, _Bucket] = OrderedDict()

    def take(self, peer: Hashable, now_s: float) -> bool:
        """Take one token; False if the peer has none left."""
        bucket = self._buckets.get(peer)
        if bucket is None:
            bucket = self._buckets[peer] = _Bucket(self._rate, now_s)
            if len(self._buckets) > MAX_PEERS:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(peer)
            bucket.tokens = min(bucket.tokens + (now_s - bucket.filled_s) * self._rate, self._rate)
            bucket.filled_s = now_s
        if bucket.tokens < 1.0:
            return False
        bucket.tokens -= 1.0
        return True

    def charge(self, peer: Hashable, tokens: float) -> None:
        """Take tokens afterwards, for work of unknown size; the balance may become negative."""
        if bucket := self._buckets.get(peer):
            bucket.tokens -= tokens
