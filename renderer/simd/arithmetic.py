"""Arithmetic of vectors: + - * / between vectors of one type, and functions for the operations without an operator."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.imputils import lower_builtin
from numba.core.typing import signature
from numba.core.typing.templates import AbstractTemplate, infer_global
from numba.extending import intrinsic

from stemfield.renderer.simd.vectors import I32, Lanes, call, first, lanes_of, numbered, splat, suffix, vector_of


@infer_global(operator.add)
@infer_global(operator.sub)
@infer_global(operator.mul)
@infer_global(operator.truediv)
class _Between(AbstractTemplate):
    def generic(self, args: Any, _keywords: Any) -> Any:
        alike = len(args) == 2 and isinstance(args[0], Lanes) and args[0] == args[1]
        return signature(args[0], *args) if alike else None


@infer_global(operator.neg)
class _Negative(AbstractTemplate):
    def generic(self, args: Any, _keywords: Any) -> Any:
        return signature(args[0], *args) if isinstance(args[0], Lanes) else None


@lower_builtin(operator.add, Lanes, Lanes)
def _add(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
    return builder.fadd(*args)


@lower_builtin(operator.sub, Lanes, Lanes)
def _subtract(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
    return builder.fsub(*args)


@lower_builtin(operator.mul, Lanes, Lanes)
def _multiply(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
    return builder.fmul(*args)


@lower_builtin(operator.truediv, Lanes, Lanes)
def _divide(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
    return builder.fdiv(*args)


@lower_builtin(operator.neg, Lanes)
def _negate(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
    return builder.fneg(*args)


@intrinsic
def fused(_context: Any, a: Any, b: Any, c: Any) -> Any:
    """The product of `a` and `b` plus `c`, of vectors or of single numbers; rounded once where the machine can."""

    def codegen(_context: Any, builder: Any, sig: Any, args: Any) -> Any:
        kind = args[0].type
        name = suffix(kind) if isinstance(sig.return_type, Lanes) else f"f{sig.return_type.bitwidth}"
        return call(builder, f"fmuladd.{name}", kind, *args)

    return a(a, a, a), codegen


@intrinsic
def spread(_context: Any, value: Any) -> Any:
    """The same number in every lane."""
    lanes = lanes_of(value)

    def codegen(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        return splat(builder, args[0], lanes.count)

    return lanes(value), codegen


@intrinsic
def counting(_context: Any) -> Any:
    """0, 1, 2 ... as float32."""
    lanes = lanes_of(types.float32)

    def codegen(_context: Any, _builder: Any, _sig: Any, _args: Any) -> Any:
        return ir.Constant(vector_of(lanes), [float(k) for k in range(lanes.count)])

    return lanes(), codegen


@intrinsic
def magnitude(_context: Any, a: Any) -> Any:
    """The absolute values."""

    def codegen(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        return call(builder, f"fabs.{suffix(args[0].type)}", args[0].type, args[0])

    return a(a), codegen


@intrinsic
def root(_context: Any, a: Any) -> Any:
    """The square roots."""

    def codegen(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        return call(builder, f"sqrt.{suffix(args[0].type)}", args[0].type, args[0])

    return a(a), codegen


@intrinsic
def signed_as(_context: Any, a: Any, b: Any) -> Any:
    """The magnitudes of `a` with the signs of `b`."""

    def codegen(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        return call(builder, f"copysign.{suffix(args[0].type)}", args[0].type, *args)

    return a(a, a), codegen


@intrinsic
def pick(_context: Any, count: Any, a: Any, b: Any) -> Any:
    """The first `count` lanes of `a`, the others of `b`."""

    def codegen(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        return builder.select(first(builder, args[0], args[1].type.count), args[1], args[2])

    return a(types.intp, a, a), codegen


def _bits(builder: Any, mask: Any) -> Any:
    return builder.zext(builder.bitcast(mask, ir.IntType(mask.type.count)), ir.IntType(64))


@intrinsic
def differing(_context: Any, a: Any, b: Any) -> Any:
    """An integer whose bit k says whether lane k of `a` differs from that of `b`."""

    def codegen(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        return _bits(builder, builder.fcmp_unordered("!=", *args))

    return types.int64(a, a), codegen


@intrinsic
def exceeding(_context: Any, a: Any, b: Any) -> Any:
    """An integer whose bit k says whether lane k of `a` exceeds that of `b`; false for NaN."""

    def codegen(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        return _bits(builder, builder.fcmp_ordered(">", *args))

    return types.int64(a, a), codegen


@intrinsic
def beyond(_context: Any, a: Any, b: Any) -> Any:
    """An integer whose bit k says whether lane k of `a` exceeds that of `b`, or is NaN."""

    def codegen(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        return _bits(builder, builder.fcmp_unordered(">", *args))

    return types.int64(a, a), codegen


@intrinsic
def chosen(_context: Any, bits: Any, a: Any, b: Any) -> Any:
    """Lanes of `a` where the bit of an integer is set, and of `b` elsewhere."""

    def codegen(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        count = args[1].type.count
        mask = args[0] if count == 64 else builder.trunc(args[0], ir.IntType(count))
        return builder.select(builder.bitcast(mask, ir.VectorType(ir.IntType(1), count)), args[1], args[2])

    return a(types.int64, a, a), codegen


@intrinsic
def lowest_bit(_context: Any, bits: Any) -> Any:
    """Index of the lowest bit that is set in an integer; one must be."""

    def codegen(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        return call(builder, "cttz.i64", ir.IntType(64), args[0], ir.IntType(1)(1))

    return types.int64(types.int64), codegen


def _larger(builder: Any, a: Any, b: Any) -> Any:
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


@intrinsic
def smallest_of(_context: Any, a: Any, b: Any) -> Any:
    """The smaller number of every lane; that of `b` where one is NaN."""

    def codegen(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered("<", *args), *args)

    return a(a, a), codegen


def _joined(builder: Any, value: Any, join: Callable[[Any, Any, Any], Any]) -> Any:
    """All lanes reduced to one number, halves at a time."""
    count = value.type.count
    while count > 1:
        count //= 2
        nothing = ir.Constant(value.type, ir.Undefined)
        halves = [builder.shuffle_vector(value, nothing, numbered(list(range(k, k + count)))) for k in (0, count)]
        value = join(builder, *halves)
    return builder.extract_element(value, I32(0))


@intrinsic
def largest_of(_context: Any, a: Any, b: Any) -> Any:
    """The larger number of every lane; that of `b` where one is NaN."""

    def codegen(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        return _larger(builder, *args)

    return a(a, a), codegen


@intrinsic
def largest(_context: Any, a: Any) -> Any:
    """The largest lane."""

    def codegen(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        return _joined(builder, args[0], _larger)

    return a.element(a), codegen


@intrinsic
def total(_context: Any, a: Any) -> Any:
    """The sum of all lanes."""

    def codegen(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        return _joined(builder, args[0], lambda builder, x, y: builder.fadd(x, y))

    return a.element(a), codegen
