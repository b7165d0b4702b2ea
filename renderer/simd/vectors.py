"""Numba's type of SIMD vectors, and its LLVM types and intrinsics."""

from __future__ import annotations

from typing import Any, Final

import llvmlite.binding
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import models, register_model

FLOATS: Final = 64 if llvmlite.binding.get_host_cpu_features().get("avx512f") else 32
"""Lanes of float32: four registers, so that additions need not wait for one another."""
DOUBLES: Final = 8
"""Lanes of float64."""

I32 = ir.IntType(32)


class Lanes(types.Type):
    """A vector of `count` numbers, float32 or float64."""

    def __init__(self, element: Any, count: int) -> None:
        self.element, self.count = element, count
        super().__init__(f"{element}x{count}")


@register_model(Lanes)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Lanes) -> None:
        super().__init__(manager, kind, vector_of(kind))


def lanes_of(element: Any) -> Lanes:
    """The vector type of an element type."""
    return Lanes(element, FLOATS if element == types.float32 else DOUBLES)


def vector_of(kind: Lanes) -> Any:
    """The LLVM type."""
    return ir.VectorType(ir.FloatType() if kind.element == types.float32 else ir.DoubleType(), kind.count)


def suffix(kind: Any) -> str:
    """Suffix of LLVM's intrinsics for a vector or a number, such as v64f32 or f32."""
    count = f"v{kind.count}" if isinstance(kind, ir.VectorType) else ""
    return f"{count}f{8 * bytes_of(kind)}"


def bytes_of(kind: Any) -> int:
    """Bytes of one number, of a vector's too."""
    return 4 if getattr(kind, "element", kind) == ir.FloatType() else 8


def call(builder: Any, name: str, result: Any, *operands: Any) -> Any:
    """Calls an intrinsic of LLVM."""
    kind = ir.FunctionType(result, [operand.type for operand in operands])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}"), operands)


def numbered(numbers: list[int]) -> Any:
    """A constant vector of integers."""
    return ir.Constant(ir.VectorType(I32, len(numbers)), numbers)


def splat(builder: Any, value: Any, count: int) -> Any:
    """One number in every lane."""
    nothing = ir.Constant(ir.VectorType(value.type, count), ir.Undefined)
    return builder.shuffle_vector(builder.insert_element(nothing, value, I32(0)), nothing, numbered([0] * count))


def first(builder: Any, wanted: Any, count: int) -> Any:
    """A mask of the first `wanted` of `count` lanes."""
    bounded = builder.select(builder.icmp_signed("<", wanted, wanted.type(count)), wanted, wanted.type(count))
    return builder.icmp_signed("<", numbered(list(range(count))), splat(builder, builder.trunc(bounded, I32), count))
