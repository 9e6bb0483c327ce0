"""Synapses of few spikes: each spike adds its weights to the sums of all outputs that see it.

A line of the input is gone through column by column.  The outputs that the spikes of a column reach stay in registers;
before the next column those of one place are done and stored, and those of another are loaded."""

from collections.abc import Sequence
from functools import cache, partial
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from llvmlite import binding, ir  # type: ignore[import-untyped]  # llvmlite says no types
from numba import cfunc, from_dtype
from numba.core import cgutils, types
from numba.extending import intrinsic

VECTOR = 64  # bytes of a register of AVX-512; on other processors several make one
REGISTERS = 28 if binding.get_host_cpu_features().get("avx512f") else 6  # vectors that they hold at a time
CLOSE = 24_000  # bytes of weights that stay in the first cache
FAR = 1.5  # what a product costs whose weights do not
FUSED = ("contract",)  # a product and a sum may be rounded once
COLUMN = 30  # what a column costs besides, in products
DENSITY = 0.2  # spikes of a neuron and step that tiles are chosen for


class Tile(NamedTuple):
    """The sums in registers: lines and columns of places, and vectors of channels."""

    lines: int
    wide: int
    vectors: int

    @property
    def size(self) -> int:
        """Vectors in all."""
        return self.lines * self.wide * self.vectors


class Window(NamedTuple):
    """A convolution in the plane, whose channels lie last.

    Columns are as many places of a padded line as the stride has; a band is so many lines of the kernel, and a block
    so many outputs, as a tile has."""

    high: int  # of the input
    wide: int
    inputs: int  # channels
    outputs: int
    out_high: int
    out_wide: int
    stride: int
    stride_wide: int
    pad: int
    pad_wide: int
    seen: int  # lines of as many as the stride has that the kernel reaches
    seen_wide: int
    first: int  # column that is not padding alone
    columns: int  # from there on, as far as anything is seen; a multiple of the tile's
    bands: int
    blocks: int
    across: int  # numbers of a place among the sums
    pitch: int  # and of a line


def tile(taps: tuple[int, int], inputs: int, vectors: int, lines: int) -> Tile:
    """The tile that takes the least work.

    taps: lines and columns of a kernel; inputs: numbers of a column; vectors: of the outputs of a place; lines: of the
    output."""

    def work(one: Tile) -> float:
        parts = -(-taps[0] // one.lines) * -(-vectors // one.vectors)
        spikes = DENSITY * inputs * (FAR if far(one, inputs) else 1)
        return parts * (lines + one.lines - 1) * (COLUMN + spikes * one.size)

    sizes = product(range(1, taps[0] + 1), [taps[1]], range(1, vectors + 1))
    return min((one for one in map(Tile._make, sizes) if one.size <= max(REGISTERS, taps[1])), key=work)


def far(one: Tile, inputs: int) -> bool:
    """Whether the weights of a line's columns leave the first cache."""
    return inputs * one.size * VECTOR > CLOSE


@cache
def scatter(one: Tile, dtype: np.dtype[Any], spikes: np.dtype[Any]) -> Any:
    """The compiled function for sums of such a tile: out += A x, for one sample of numbers that are mostly zero.

    dtype: of sums and weights; spikes: of x.

    It returns how many are not, of those that any output sees.  x, out: (places · channels,).  weights: blocks × bands
    × stride × stride × inputs × a tile.  Room to work in: spots, where spikes are, with a vector to spare; ends,
    (high, columns + 1), how many come before each column; sums, (out_high + 2 lines − 2, pitch), of the output and of
    lines beside it."""
    lines, wide, vectors = one
    lanes = VECTOR // dtype.itemsize

    @cfunc(_signature(dtype, spikes), cache=True)
    def run(x, weights, out, window, spots, ends, sums):
        (
            high, width, inputs, outputs, out_high, out_wide, stride, stride_wide, pad, pad_wide, seen, seen_wide,
            first, columns, bands, blocks, across, pitch,
        ) = window[0]  # fmt: skip
        count = 0
        for y in range(high):
            n = y * (columns + 1)
            ends[n] = count
            n += 1
            for column in range(first, first + columns if (y + pad) % stride < seen else 0):
                begin = column * stride_wide - pad_wide
                j, stop = (y * width + max(begin, 0)) * inputs, (y * width + min(begin + seen_wide, width)) * inputs
                while j + lanes <= stop:
                    count = pick(lanes, x, j, spots, count)
                    j += lanes
                while j < stop:
                    spots[count] = j
                    count += x[j] != 0
                    j += 1
                ends[n] = count
                n += 1
        for i in range(np.uintp((out_high + 2 * (lines - 1)) * pitch)):
            sums[i] = 0
        row = lines * wide * vectors * lanes
        step = stride_wide * inputs * row
        for part in range(blocks * bands):
            block, band = part // bands, part % bands
            for y in range(high):
                line, phase = (y + pad) // stride, (y + pad) % stride
                to = line - band * lines
                if phase < seen and 0 <= to < out_high + lines - 1:
                    base = (part * stride + phase) * step
                    base -= (y * width + first * stride_wide - pad_wide) * inputs * row
                    place, end = to * pitch + block * vectors * lanes, y * (columns + 1)
                    roll(
                        lines, wide, vectors, sums, place, pitch, across, weights, base, step, x, spots, ends, end,
                        columns,
                    )  # fmt: skip
        left, right = max(0, first - wide + 1), min(out_wide, first + columns)
        for y in range(out_high):
            place, to = (y + lines - 1) * pitch + (left - first + wide - 1) * across, (y * out_wide + left) * outputs
            if across == outputs:  # in one long loop
                for i in range(np.uintp((right - left) * outputs)):
                    out[to + i] += sums[place + i]
            else:
                for p in range(right - left):
                    for i in range(np.uintp(outputs)):
                        out[to + p * outputs + i] += sums[place + p * across + i]
        return count

    return run


@cache
def one_to_one(dtype: np.dtype[Any], spikes: np.dtype[Any]) -> Any:
    """The same for out += weights · x, number by number; it does not count them.  weights: (inputs,)."""

    number = dtype.type

    @cfunc(_signature(dtype, spikes), cache=True)
    def run(x, weights, out, window, spots, ends, sums):
        for i in range(np.uintp(window[0][2])):
            out[i] += weights[i] * number(x[i])
        return 0

    return run


def _signature(dtype: np.dtype[Any], spikes: np.dtype[Any]) -> Any:
    numbers, index = types.CPointer(from_dtype(dtype)), types.CPointer(types.intp)
    x = types.CPointer(from_dtype(spikes))
    window = types.CPointer(types.UniTuple(types.intp, len(Window._fields)))
    return types.intp(x, numbers, numbers, window, types.CPointer(types.uint32), index, numbers)


class Code:
    """What instructions on vectors of so many lanes have in common."""

    def __init__(self, context: Any, builder: Any, number: types.Type, lanes: int) -> None:
        self.builder, self.size = builder, context.get_abi_sizeof(context.get_value_type(number))
        self.lanes = lanes
        self.vector = self.of(context.get_value_type(number))

    def of(self, number: Any) -> Any:
        """Vectors of as many lanes."""
        return ir.VectorType(number, self.lanes)

    def at(self, array: Any, place: Any, vector: Any = None) -> Any:
        """Where a vector of an array begins."""
        return self.builder.bitcast(self.builder.gep(array, [place]), (vector or self.vector).as_pointer())

    def load(self, place: Any) -> Any:
        """The vector there."""
        found = self.builder.load(place)
        found.align = self.size
        return found

    def store(self, vector: Any, place: Any, align: int | None = None) -> None:
        """Put a vector there."""
        self.builder.store(vector, place).align = align or self.size

    def same(self, number: Any) -> Any:
        """A number in all lanes."""
        nothing, lane = ir.Constant(self.of(number.type), ir.Undefined), ir.IntType(32)
        alone = self.builder.insert_element(nothing, number, ir.Constant(lane, 0))
        return self.builder.shuffle_vector(alone, nothing, ir.Constant(self.of(lane), [0] * self.lanes))

    def come(self, phis: Sequence[Any], block: Any, values: Sequence[Any]) -> None:
        """What values that depend on where they come from are, coming from a block."""
        for phi, value in zip(phis, values, strict=True):
            phi.add_incoming(value, block)


@intrinsic(prefer_literal=True)
def pick(typing, lanes, x, at, spots, count):
    """Write to spots[count:] where a vector's numbers, from x[at] on, are not zero; how many there are then."""

    width = lanes.literal_value

    def generate(context, builder, signature, arguments):
        (_, x, at, spots, count), number = arguments, signature.args[1].dtype
        code, spot, different = Code(context, builder, number, width), ir.IntType(32), builder.fcmp_unordered
        if isinstance(number, types.Integer):
            different = builder.icmp_signed
        spikes = different("!=", code.load(code.at(x, at)), ir.Constant(code.vector, [0] * code.lanes))
        lanes = ir.Constant(code.of(spot), list(range(code.lanes)))
        places = builder.add(code.same(builder.trunc(at, spot)), lanes)
        compress = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(places.type, [places.type, spikes.type, places.type]),
            f"llvm.experimental.vector.compress.v{code.lanes}i32",
        )
        kept = builder.call(compress, [places, spikes, ir.Constant(places.type, ir.Undefined)])
        code.store(kept, code.at(spots, count, places.type), 4)
        bits = builder.ctpop(builder.bitcast(spikes, ir.IntType(code.lanes)))
        return builder.add(count, builder.zext(bits, count.type))

    return types.intp(lanes, x, types.intp, spots, types.intp), generate


@intrinsic(prefer_literal=True)
def roll(typing, lines, wide, vectors, sums, to, pitch, across, weights, base, step, x, spots, ends, end, columns):
    """Go through the columns of a line.

    A spike x[spot] adds x[spot] · weights[base + spot · row:], a row being of a whole tile; base falls by `step` from
    column to column.  Its last line of places begins at sums[to:], each line before it a pitch further on.  Column b
    has spots[ends[end + b]:ends[end + b + 1]]; columns are a multiple of `wide`."""
    tile, index = Tile(lines.literal_value, wide.literal_value, vectors.literal_value), types.intp

    def generate(context, builder, signature, arguments):
        sums, to, pitch, across, weights, base, step, x, spots, ends, end, columns = arguments[3:]
        kind, sent = signature.args[3].dtype, signature.args[10].dtype
        code = Code(context, builder, kind, VECTOR // context.get_abi_sizeof(context.get_value_type(kind)))
        places = list(product(*map(range, tile)))
        number, kinds = partial(ir.Constant, to.type), [code.vector] * len(places)

        def at(line: int, column: Any, vector: int) -> Any:
            place = builder.add(to, builder.mul(pitch, number(tile.lines - 1 - line)))
            place = builder.add(place, builder.mul(column, across))
            return code.at(sums, builder.add(place, number(vector * code.lanes)))

        # A place stays in its registers until it is done, so as many columns make a round as a tile is wide: at column
        # `turn` of a round, the place that is `back` places behind is number (turn − 1 − back) mod wide.
        begun = [code.load(at(line, number(place), vector)) for line, place, vector in places]
        none, before = builder.load(builder.gep(ends, [end])), builder.block
        around, done = builder.append_basic_block("around"), builder.append_basic_block("done")
        builder.branch(around)

        builder.position_at_end(around)
        moving = [builder.phi(kind) for kind in (*[to.type] * 3, *kinds)]
        code.come(moving, before, [number(0), none, base, *begun])
        (b, begin, weight), held = moving[:3], dict(zip(places, moving[3:], strict=True))
        for turn in range(tile.wide):
            here = builder.block
            spike, after = builder.append_basic_block("spike"), builder.append_basic_block("after")
            following = builder.add(b, number(1))
            stop = builder.load(builder.gep(ends, [builder.add(end, following)]))
            builder.cbranch(builder.icmp_signed("<", begin, stop), spike, after)

            builder.position_at_end(spike)
            adding = [builder.phi(kind) for kind in (to.type, *kinds)]
            i, totals = adding[0], dict(zip(places, adding[1:], strict=True))
            spot = builder.zext(builder.load(builder.gep(spots, [i])), to.type)
            value = code.same(context.cast(builder, builder.load(builder.gep(x, [spot])), sent, kind))
            row, added = builder.add(weight, builder.mul(spot, number(tile.size * code.lanes))), dict(held)
            for k, (line, back, vector) in enumerate(places):
                place = line, (turn - 1 - back) % tile.wide, vector
                one = code.load(code.at(weights, builder.add(row, number(k * code.lanes))))
                added[place] = builder.fadd(totals[place], builder.fmul(value, one, flags=FUSED), flags=FUSED)
            more = builder.add(i, number(1))
            # Keeps the loop as it is: taken two spikes at a time, it would have two ends that cannot be foreseen
            builder.asm(ir.FunctionType(ir.VoidType(), []), "", "", [], True).attributes.add("convergent")
            code.come(adding, here, [begin, *held.values()])
            code.come(adding, spike, [more, *added.values()])
            builder.cbranch(builder.icmp_signed("<", more, stop), spike, after)

            builder.position_at_end(after)
            now = {place: builder.phi(code.vector) for place in places}
            code.come([*now.values()], here, [*held.values()])
            code.come([*now.values()], spike, [*added.values()])
            for line, place, vector in places:
                if place == turn:
                    code.store(now[line, place, vector], at(line, b, vector))
                    now[line, place, vector] = code.load(at(line, builder.add(b, number(tile.wide)), vector))
            held, b, begin, weight = now, following, stop, builder.sub(weight, step)
        code.come(moving, builder.block, [b, begin, weight, *held.values()])
        builder.cbranch(builder.icmp_signed("<", b, columns), around, done)

        builder.position_at_end(done)
        for (line, place, vector), value in held.items():
            code.store(value, at(line, builder.add(b, number(place)), vector))
        return context.get_dummy_value()

    numbers = index, index, index, weights, index, index, x, spots, ends, index, index
    return types.void(lines, wide, vectors, sums, *numbers), generate


@intrinsic
def call(typing, address, x, weights, out, window, spots, ends, sums):
    """Call a function that was made here, by its address: so loops need not be compiled for each."""
    arrays = x, weights, out, window, spots, ends, sums
    if any(array.layout != "C" for array in arrays):
        return None

    def generate(context, builder, signature, arguments):
        address, *given = arguments
        data = [
            context.make_array(kind)(context, builder, array).data
            for kind, array in zip(signature.args[1:], given, strict=True)
        ]
        made = ir.FunctionType(address.type, [pointer.type for pointer in data]).as_pointer()
        return builder.call(builder.inttoptr(address, made), data)

    return types.intp(types.intp, *arrays), generate
