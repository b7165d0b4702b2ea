"""Vectors from contiguous arrays and back. Indices are not checked."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from stemfield.renderer.native.arrays import Floats
from stemfield.renderer.native.operations import INNER
from stemfield.renderer.simd.vectors import FLOATS, I32, bytes_of, call, first, lanes_of, suffix, vector_of


def _pointer(context: Any, builder: Any, kind: Any, array: Any, index: Any, vector: Any) -> Any:
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), vector.as_pointer())


@intrinsic
def load(_context: Any, array: Any, index: Any) -> Any:
    """The values from `index` on."""
    lanes = lanes_of(array.dtype)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        vector = vector_of(lanes)
        return builder.load(_pointer(context, builder, sig.args[0], args[0], args[1], vector), align=bytes_of(vector))

    return lanes(array, types.intp), codegen


@intrinsic
def store(_context: Any, array: Any, index: Any, value: Any) -> Any:
    """Stores a vector where `load` reads it."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        vector = args[2].type
        builder.store(
            args[2], _pointer(context, builder, sig.args[0], args[0], args[1], vector), align=bytes_of(vector)
        )
        return context.get_dummy_value()

    return types.none(array, types.intp, value), codegen


@intrinsic
def load_part(_context: Any, array: Any, index: Any, count: Any) -> Any:
    """`load` that reads at most `count` values; the other lanes are 0."""
    lanes = lanes_of(array.dtype)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        vector = vector_of(lanes)
        pointer = _pointer(context, builder, sig.args[0], args[0], args[1], vector)
        found, align = cgutils.alloca_once(builder, vector), bytes_of(vector)
        # The mask has a cost, so it is used only at the end.
        with builder.if_else(builder.icmp_signed("<", args[2], args[2].type(lanes.count))) as (part, whole):
            with part:
                operands = pointer, I32(align), first(builder, args[2], lanes.count), ir.Constant(vector, None)
                builder.store(call(builder, f"masked.load.{suffix(vector)}.p0", vector, *operands), found)
            with whole:
                builder.store(builder.load(pointer, align=align), found)
        return builder.load(found)

    return lanes(array, types.intp, types.intp), codegen


@intrinsic
def store_part(_context: Any, array: Any, index: Any, value: Any, count: Any) -> Any:
    """`store` that writes at most the first `count` lanes."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        vector = args[2].type
        pointer = _pointer(context, builder, sig.args[0], args[0], args[1], vector)
        align = bytes_of(vector)
        with builder.if_else(builder.icmp_signed("<", args[3], args[3].type(vector.count))) as (part, whole):
            with part:
                operands = args[2], pointer, I32(align), first(builder, args[3], vector.count)
                call(builder, f"masked.store.{suffix(vector)}.p0", ir.VoidType(), *operands)
            with whole:
                builder.store(args[2], pointer, align=align)
        return context.get_dummy_value()

    return types.none(array, types.intp, value, types.intp), codegen


@njit(**INNER)
def copy(source: Floats, target: Floats, count: int) -> None:
    """Copies `count` values; also within one array, towards its front."""
    for i in range(0, count, FLOATS):
        store_part(target, i, load_part(source, i, count - i), count - i)
