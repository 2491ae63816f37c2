"""What a pickle would do, found out without running any of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from genlab.errors import TrustError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

MAX_OPERATIONS = 2_000_000  # of one pickle: some 50,000 tensors, and a few seconds to look through
_MAX_WORK = 20_000_000  # values reached when every reference is followed: nested references double with each level

# What pickle protocol 2 makes of plain types and tensors, by what each does to the stack.
_PUTS = {"BINPUT", "LONG_BINPUT"}
_GETS = {"BINGET", "LONG_BINGET"}
_TO_MARK = {"SETITEMS", "APPENDS"}
_INTO = {"SETITEM": 2, "APPEND": 1, "BUILD": 1}
_JOIN = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3, "REDUCE": 2}
_PUSH = {
    "GLOBAL", "BINUNICODE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "NONE", "NEWTRUE", "NEWFALSE",
    "EMPTY_DICT", "EMPTY_LIST", "EMPTY_TUPLE",
}  # fmt: skip

_ITEM_SIZES = {
    "Double": 8, "Float": 4, "Half": 2, "BFloat16": 2, "Long": 8, "Int": 4, "Short": 2, "Char": 1, "Byte": 1, "Bool": 1,
    "ComplexDouble": 16, "ComplexFloat": 8, "Untyped": 1,
}  # fmt: skip


def check_pickle(data: bytes, *, allowed: Collection[str], records: Mapping[str, int], source: str) -> None:
    """Walk a pickle's operations without running any: what it would call, read and cost.

    Permitted are the globals in ``allowed`` ("module name"), storages of exactly the size of their record in
    ``records`` (key -> bytes), and no more work than a checkpoint can need.

    Raises:
        TrustError: it asks for more than that.
        ValueError: it is no complete pickle.
    """
    import pickletools  # loaded late: only reading needs it

    # One [weight, value] per object: weight counts the values inside, value is kept where a storage is named by it.
    stack: list[list[Any]] = []
    marks: list[int] = []
    memo: dict[int, list[Any]] = {}
    work = 0
    try:
        for count, (op, arg, _) in enumerate(pickletools.genops(data)):
            name = op.name
            if name == "GLOBAL" and arg not in allowed:
                raise TrustError(f"{source} wants {_short(str(arg).replace(' ', '.'))}: refused, nothing ran")
            if name in _PUTS:
                memo[arg] = stack[-1]  # type: ignore[index]
                continue
            if name in _GETS:
                item = memo[arg]  # type: ignore[index]
            elif name in _PUSH:
                item = [1, arg]
            elif name in _JOIN:
                item = _joined(stack, len(stack) - _JOIN[name])
            elif name == "TUPLE":
                item = _joined(stack, marks.pop())
            elif name == "BINPERSID":
                _check_storage(stack.pop()[1], records, source)
                item = [1, None]
            elif name in _TO_MARK or name in _INTO:
                inside = _joined(stack, marks.pop() if name in _TO_MARK else len(stack) - _INTO[name])
                stack[-1][0] += inside[0]
                continue
            elif name == "MARK":
                marks.append(len(stack))
                continue
            elif name in ("PROTO", "STOP"):
                continue
            else:
                raise TrustError(f"{source} holds a pickle unlike genlab's ({name}): refused, nothing ran")
            stack.append(item)
            work += item[0]
            if work > _MAX_WORK or count > MAX_OPERATIONS:
                raise TrustError(f"{source} holds a pickle too large to be a checkpoint's: refused, nothing ran")
    except (IndexError, KeyError) as error:
        raise ValueError("its operations do not fit together") from error


def _joined(stack: list[list[Any]], start: int) -> list[Any]:
    """Pop what lies above ``start`` and make it one object."""
    if start < 0:
        raise IndexError
    parts = stack[start:]
    del stack[start:]
    return [1 + sum(part[0] for part in parts), tuple(part[1] for part in parts) if len(parts) == 5 else None]


def _check_storage(name: Any, records: Mapping[str, int], source: str) -> None:
    """Check that a storage is as large as its bytes: older versions of torch read on past the end."""
    if not (isinstance(name, tuple) and name[0] == "storage" and isinstance(name[4], int)):
        raise TrustError(f"{source} names a storage as torch.save never does: refused, nothing ran")
    kind = str(name[1]).split(" ")[-1].removesuffix("Storage")
    if kind not in _ITEM_SIZES or records.get(name[2]) != name[4] * _ITEM_SIZES[kind]:
        raise TrustError(f"{source} has a storage of another size than its bytes: refused, nothing ran")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:76] + "..." + text[-1]
