"""Sums of weight rows in registers: numba would load and store a block of sums for every row that is added."""

from llvmlite import ir  # type: ignore[import-untyped]  # llvmlite says no types
from numba.core import types
from numba.extending import intrinsic

BLOCK = 256  # bytes of sums at a time: four registers of AVX-512, eight of AVX2


@intrinsic
def add_rows(typing, sums, to, weights, base, values, starts, begin, end):
    """Add values[i] · weights[base + starts[i]:] to the block sums[to:], for i from begin to end.  Arrays are flat,
    indices are not checked."""
    index = types.intp
    signature = types.void(sums, index, weights, index, values, starts, index, index)

    def generate(context, builder, signature, arguments):
        sums, weights, values, starts = (
            context.make_array(signature.args[k])(context, builder, arguments[k]).data for k in (0, 2, 4, 5)
        )
        to, base, begin, end = (arguments[k] for k in (1, 3, 6, 7))
        number = context.get_value_type(signature.args[0].dtype)
        size, lane = context.get_abi_sizeof(number), ir.IntType(32)
        block = ir.VectorType(number, BLOCK // size)
        nothing = ir.Constant(block, ir.Undefined)

        def chunk(array, at):
            return builder.bitcast(builder.gep(array, [at]), block.as_pointer())

        def loaded(place):
            found = builder.load(place)
            found.align = size
            return found

        place, before = chunk(sums, to), builder.block
        row, done = builder.append_basic_block("row"), builder.append_basic_block("done")
        first = loaded(place)
        builder.cbranch(builder.icmp_signed("<", begin, end), row, done)

        builder.position_at_end(row)
        i, total = builder.phi(begin.type), builder.phi(block)
        value = builder.insert_element(nothing, builder.load(builder.gep(values, [i])), ir.Constant(lane, 0))
        value = builder.shuffle_vector(
            value, nothing, ir.Constant(ir.VectorType(lane, block.count), [0] * block.count)
        )
        weight = loaded(chunk(weights, builder.add(base, builder.load(builder.gep(starts, [i])))))
        added = builder.fadd(total, builder.fmul(value, weight, flags=("contract",)), flags=("contract",))
        after = builder.add(i, ir.Constant(i.type, 1))
        for phi, start, following in ((i, begin, after), (total, first, added)):
            phi.add_incoming(start, before)
            phi.add_incoming(following, row)
        builder.cbranch(builder.icmp_signed("<", after, end), row, done)

        builder.position_at_end(done)
        last = builder.phi(block)
        last.add_incoming(first, before)
        last.add_incoming(added, row)
        builder.store(last, place).align = size
        return context.get_dummy_value()

    return signature, generate
