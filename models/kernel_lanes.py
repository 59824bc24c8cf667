"""Lanes: several doubles as one value, so that arithmetic on it is SIMD instructions, not a hope for them.

LLVM vectorises a loop only where it can prove that arrays don't overlap, which in a walk through a tree it can't;
told outright, the same source runs four times as fast. An array (…, 16) holds 16 rows side by side, `ROWS` lanes; a
one-dimensional one holds a row's numbers for quadrature points side by side, `POINTS` lanes. A mask has a bit for
each of 16 rows, or is a boolean. Nothing is reassociated or contracted, and `fma` rounds once on every machine: an
operation gives the same bits in any lane, and without lanes.

numba notices a changed source only in the file of the cached function: after a change here, touch those that use it.
"""
# mypy: disallow-untyped-decorators=False

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel import models, register_default
from numba.extending import intrinsic, overload

ROWS = 16
POINTS = 8

_NUMBER = ir.DoubleType()
_FLAGS = ir.VectorType(ir.IntType(1), ROWS)


class LanesType(types.Type):  # type: ignore[misc]
    """numba's type of so many doubles."""

    def __init__(self, width: int) -> None:
        self.width = width
        super().__init__(name=f"Lanes({width})")


@register_default(LanesType)
class _LanesModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: LanesType) -> None:
        super().__init__(manager, kind, _llvm(kind))


_rows, _points = LanesType(ROWS), LanesType(POINTS)


def _llvm(kind: Any) -> Any:
    """LLVM's name for lanes or a number."""
    return ir.VectorType(_NUMBER, kind.width) if isinstance(kind, LanesType) else _NUMBER


def _held(array: Any) -> Any:
    return _rows if array.ndim > 1 else _points


def _joint(*kinds: Any) -> Any:
    """What an operation on these gives: lanes as soon as one of them is."""
    return next((kind for kind in kinds if isinstance(kind, LanesType)), types.float64)


def _as(builder: Any, to: Any, kinds: Any, values: Any) -> list[Any]:
    """The values as that kind: a number is put into every lane."""
    return [value if kind == to else _spread(builder, value, to) for value, kind in zip(values, kinds, strict=True)]


def _spread(builder: Any, number: Any, to: Any) -> Any:
    if not isinstance(to, LanesType):
        return number
    nothing = ir.Constant(_llvm(to), ir.Undefined)
    first = builder.insert_element(nothing, number, ir.IntType(32)(0))
    return builder.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(ir.IntType(32), to.width), None))


def _pointer(context: Any, builder: Any, kind: Any, array: Any, index: Any, to: Any) -> Any:
    """Where an array's numbers of this index begin, counted in lanes of rows, or in single numbers."""
    data = context.make_array(kind)(context, builder, array).data
    if kind.ndim > 1:
        return builder.gep(builder.bitcast(data, ir.PointerType(_llvm(to))), [index])
    return builder.bitcast(builder.gep(data, [index]), ir.PointerType(_llvm(to)))


def _load(array: Any, index: Any, to: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        found = builder.load(_pointer(context, builder, signature.args[0], args[0], args[1], to))
        found.align = 8
        return found

    return to(array, types.intp), code


@intrinsic
def load(_: Any, array: Any, index: Any) -> Any:
    """The lanes at an index: 16 rows of an array (…, 16), or 8 numbers from there on."""
    return _load(array, index, _held(array))


@intrinsic
def get(_: Any, array: Any, index: Any) -> Any:
    """One number, without numba's look for a negative index."""
    return _load(array, index, types.float64)


@intrinsic
def store(_: Any, array: Any, index: Any, value: Any) -> Any:
    """Writes lanes, or one number to all of them."""
    held = _held(array)

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        (spread,) = _as(builder, held, signature.args[2:], args[2:])
        builder.store(spread, _pointer(context, builder, signature.args[0], args[0], args[1], held)).align = 8
        return context.get_dummy_value()

    return types.void(array, types.intp, value), code


@intrinsic
def fma(_: Any, x: Any, y: Any, z: Any) -> Any:
    """x · y + z, rounded once."""
    to = _joint(x, y, z)

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        llvm, name = _llvm(to), f"llvm.fma.v{to.width}f64" if isinstance(to, LanesType) else "llvm.fma.f64"
        function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(llvm, [llvm] * 3), name)
        return builder.call(function, _as(builder, to, signature.args, args))

    return to(x, y, z), code


@intrinsic
def pick(_: Any, mask: Any, x: Any, y: Any) -> Any:
    """x where the mask is set, else y."""
    to = types.float64 if mask == types.boolean else _rows

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        flags = args[0] if mask == types.boolean else builder.bitcast(args[0], _FLAGS)
        return builder.select(flags, *_as(builder, to, signature.args[1:], args[1:]))

    return to(mask, x, y), code


@intrinsic
def at_most(_: Any, x: Any, limit: Any, or_nan: Any) -> Any:
    """The mask of x <= limit; NaN counts as asked."""
    mask = types.uint16 if x == _rows else types.boolean

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pair = _as(builder, x, signature.args[:2], args[:2])
        flags = [compare("<=", *pair) for compare in (builder.fcmp_unordered, builder.fcmp_ordered)]
        if x == _rows:
            flags = [builder.bitcast(some, ir.IntType(ROWS)) for some in flags]
        return builder.select(cgutils.is_not_null(builder, args[2]), *flags)

    return mask(x, limit, or_nan), code


def _operator(instruction: str, sign: Any) -> None:
    """Lets the sign stand between lanes, or lanes and a number."""

    @intrinsic
    def of_lanes(_: Any, x: Any, y: Any) -> Any:
        to = _joint(x, y)

        def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return getattr(builder, instruction)(*_as(builder, to, signature.args, args))

        return to(x, y), code

    @overload(sign)
    def either(x: Any, y: Any) -> Any:
        def joined(x: Any, y: Any) -> Any:
            return of_lanes(x, y)

        return joined if isinstance(_joint(x, y), LanesType) else None


for _instruction, _sign in (("fadd", operator.add), ("fsub", operator.sub), ("fmul", operator.mul)):
    _operator(_instruction, _sign)
