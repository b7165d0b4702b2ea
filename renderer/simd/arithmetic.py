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


class _Lanewise(AbstractTemplate):
    def generic(self, args: Any, _keywords: Any) -> Any:
        alike = isinstance(args[0], Lanes) and all(arg == args[0] for arg in args)
        return signature(args[0], *args) if alike else None


def _define(function: Any, operands: int, instruction: str) -> None:
    """Makes an operator of Python an instruction of LLVM."""
    infer_global(function)(_Lanewise)

    @lower_builtin(function, *[Lanes] * operands)
    def _lowered(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        return getattr(builder, instruction)(*args)


_define(operator.add, 2, "fadd")
_define(operator.sub, 2, "fsub")
_define(operator.mul, 2, "fmul")
_define(operator.truediv, 2, "fdiv")
_define(operator.neg, 1, "fneg")


def _called(name: str, kind: Any, operands: int) -> Any:
    """An intrinsic of LLVM from operands of one kind to that kind."""

    def codegen(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        return call(builder, f"{name}.{suffix(args[0].type)}", args[0].type, *args)

    return kind(*[kind] * operands), codegen


@intrinsic
def fused(_context: Any, a: Any, b: Any, c: Any) -> Any:
    """The product of `a` and `b` plus `c`, of vectors or of single numbers; rounded once where the machine can."""
    return _called("fmuladd", a, 3)


@intrinsic
def magnitude(_context: Any, a: Any) -> Any:
    """The absolute values."""
    return _called("fabs", a, 1)


@intrinsic
def root(_context: Any, a: Any) -> Any:
    """The square roots."""
    return _called("sqrt", a, 1)


@intrinsic
def signed_as(_context: Any, a: Any, b: Any) -> Any:
    """The magnitudes of `a` with the signs of `b`."""
    return _called("copysign", a, 2)


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
def pick(_context: Any, count: Any, a: Any, b: Any) -> Any:
    """The first `count` lanes of `a`, the others of `b`."""

    def codegen(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        return builder.select(first(builder, args[0], args[1].type.count), args[1], args[2])

    return a(types.intp, a, a), codegen


def _compared(compare: str, sign: str, kind: Any) -> Any:
    """An integer with a bit for every lane."""

    def codegen(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        mask = getattr(builder, compare)(sign, *args)
        return builder.zext(builder.bitcast(mask, ir.IntType(mask.type.count)), ir.IntType(64))

    return types.int64(kind, kind), codegen


@intrinsic
def differing(_context: Any, a: Any, b: Any) -> Any:
    """An integer whose bit k says whether lane k of `a` differs from that of `b`."""
    return _compared("fcmp_unordered", "!=", a)


@intrinsic
def exceeding(_context: Any, a: Any, b: Any) -> Any:
    """An integer whose bit k says whether lane k of `a` exceeds that of `b`; false for NaN."""
    return _compared("fcmp_ordered", ">", a)


@intrinsic
def beyond(_context: Any, a: Any, b: Any) -> Any:
    """An integer whose bit k says whether lane k of `a` exceeds that of `b`, or is NaN."""
    return _compared("fcmp_unordered", ">", a)


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


def _joined(join: Callable[[Any, Any, Any], Any], kind: Any) -> Any:
    """All lanes reduced to one number, halves at a time."""

    def codegen(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        value, count = args[0], kind.count
        while count > 1:
            count //= 2
            nothing = ir.Constant(value.type, ir.Undefined)
            halves = [builder.shuffle_vector(value, nothing, numbered(list(range(k, k + count)))) for k in (0, count)]
            value = join(builder, *halves)
        return builder.extract_element(value, I32(0))

    return kind.element(kind), codegen


@intrinsic
def largest_of(_context: Any, a: Any, b: Any) -> Any:
    """The larger number of every lane; that of `b` where one is NaN."""

    def codegen(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        return _larger(builder, *args)

    return a(a, a), codegen


@intrinsic
def largest(_context: Any, a: Any) -> Any:
    """The largest lane."""
    return _joined(_larger, a)


@intrinsic
def total(_context: Any, a: Any) -> Any:
    """The sum of all lanes."""
    return _joined(lambda builder, x, y: builder.fadd(x, y), a)
