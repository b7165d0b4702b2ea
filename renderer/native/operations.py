"""The few machine operations that Numba does not offer: atomics, addresses, and the mode of the float unit.

Everything here works on plain integer addresses, so that the same compiled block processor serves JACK's thread and
Python threads. Nothing here allocates, waits or takes the interpreter lock.
"""

from __future__ import annotations

import platform
from typing import Any

from llvmlite import ir
from numba import config, njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from stemfield.renderer.native.code_cache import cache_folder

# boundscheck off and NumPy's error model: neither an index nor a division can raise, so the compiled code has no
# path into the interpreter. `contract` lets a multiply and an add become one instruction; nothing else is relaxed, so
# that every division into blocks gives the same samples.
NATIVE: dict[str, Any] = {
    "nogil": True,
    "cache": True,
    "error_model": "numpy",
    "boundscheck": False,
    "fastmath": {"contract", "nsz"},
}
"""Options of every compiled function on the audio path."""
EXACT = NATIVE | {"fastmath": False}
"""Options of functions whose arithmetic is strictly IEEE 754: symmetric rooms are panned symmetrically."""
INNER = NATIVE | {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
"""Options of functions that only compiled functions call: without a wrapper for Python."""

_I64 = ir.IntType(64)
_X86 = platform.machine() in ("x86_64", "AMD64")


config.CACHE_DIR = str(cache_folder())


@intrinsic
def load_acquire(_context: Any, address: Any) -> Any:
    """The int64 at `address`, with every store that was released before it visible."""

    def codegen(_target: Any, builder: Any, _signature: Any, args: Any) -> Any:
        pointer = builder.inttoptr(args[0], _I64.as_pointer())
        return builder.load_atomic(pointer, ordering="acquire", align=8, typ=_I64)

    return types.int64(types.int64), codegen


@intrinsic
def store_release(_context: Any, address: Any, value: Any) -> Any:
    """Stores an int64 at `address` after everything that was stored before."""

    def codegen(_target: Any, builder: Any, _signature: Any, args: Any) -> Any:
        pointer = builder.inttoptr(args[0], _I64.as_pointer())
        builder.store_atomic(args[1], pointer, ordering="release", align=8)
        return ir.Constant(ir.IntType(8), 0)

    return types.none(types.int64, types.int64), codegen


@intrinsic
def exchange(_context: Any, address: Any, value: Any) -> Any:
    """Swaps an int64 at `address` in one step; returns what was there."""

    def codegen(_target: Any, builder: Any, _signature: Any, args: Any) -> Any:
        pointer = builder.inttoptr(args[0], _I64.as_pointer())
        return builder.atomic_rmw("xchg", pointer, args[1], "acq_rel")

    return types.int64(types.int64, types.int64), codegen


@intrinsic
def as_pointer(_context: Any, address: Any) -> Any:
    """The address as a `void*` for `numba.carray`."""

    def codegen(_target: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], ir.IntType(8).as_pointer())

    return types.voidptr(types.int64), codegen


@intrinsic
def as_address(_context: Any, pointer: Any) -> Any:
    """A `void*` as its address."""

    def codegen(_target: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.ptrtoint(args[0], _I64)

    return types.int64(types.voidptr), codegen


@intrinsic
def swap_float_mode(_context: Any, mode: Any) -> Any:
    """Sets the float unit's control register of this thread and returns the old value; negative: denormals flushed.

    x86-64: MXCSR with flush-to-zero and denormals-are-zero. Arm: FPCR with flush-to-zero.
    """

    def codegen(_target: Any, builder: Any, _signature: Any, args: Any) -> Any:
        def call(name: str, result: Any, operands: list[Any]) -> Any:
            kind = ir.FunctionType(result, [operand.type for operand in operands])
            return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), operands)

        if _X86:
            i32 = ir.IntType(32)
            slot = builder.alloca(i32)
            place = builder.bitcast(slot, ir.IntType(8).as_pointer())
            call("llvm.x86.sse.stmxcsr", ir.VoidType(), [place])
            old = builder.zext(builder.load(slot, typ=i32), _I64)
        else:
            old = call("llvm.aarch64.get.fpcr", _I64, [])
        flush = builder.or_(old, ir.Constant(_I64, 0x8040 if _X86 else 1 << 24))
        wanted = builder.select(builder.icmp_signed("<", args[0], ir.Constant(_I64, 0)), flush, args[0])
        if _X86:
            builder.store(builder.trunc(wanted, i32), slot)
            call("llvm.x86.sse.ldmxcsr", ir.VoidType(), [place])
        else:
            call("llvm.aarch64.set.fpcr", ir.VoidType(), [wanted])
        return old

    return types.int64(types.int64), codegen


@intrinsic
def call_at(_context: Any, address: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """Calls the C function at `address`, which takes four int64 and returns nothing."""

    def codegen(_target: Any, builder: Any, _signature: Any, args: Any) -> Any:
        kind = ir.FunctionType(ir.VoidType(), [_I64] * 4)
        builder.call(builder.inttoptr(args[0], kind.as_pointer()), args[1:])
        return ir.Constant(ir.IntType(8), 0)

    return types.none(*[types.int64] * 5), codegen


@njit(**NATIVE)
def load(address: int) -> int:
    """`load_acquire` for callers in Python."""
    return load_acquire(address)


@njit(**NATIVE)
def store(address: int, value: int) -> None:
    """`store_release` for callers in Python."""
    store_release(address, value)


@njit(**NATIVE)
def swap(address: int, value: int) -> int:
    """`exchange` for callers in Python."""
    return exchange(address, value)
