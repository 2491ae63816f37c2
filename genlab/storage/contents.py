"""What may be in a checkpoint: plain types and tensors, so that it can be read without running code.

The same rules hold when writing, where a breach is a mistake in the program, and when reading, where it is a file of
another origin.
"""

from __future__ import annotations

import os
import warnings
from collections import Counter, OrderedDict
from collections.abc import Mapping
from functools import cache
from typing import Any, BinaryIO

from genlab.storage.pickles import MAX_OPERATIONS

_HEADER = {"format": int, "version": str, "config": dict, "spec": dict, "step": int}
_SWITCHES = ("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_WEIGHTS_ONLY_LOAD")
_LEAVES = (type(None), bool, int, float, str)
_PER_TENSOR, _PER_VALUE = 40, 4  # pickle operations, at most


def save(payload: Mapping[str, Any], file: Any) -> None:
    """``torch.save`` into ``file``, with true checksums of the members whatever the process has switched off."""
    import torch
    from torch.serialization import get_crc32_options, set_crc32_options

    before = get_crc32_options()
    set_crc32_options(True)
    try:
        torch.save(dict(payload), file)
    finally:
        set_crc32_options(before)


def load(file: BinaryIO) -> Any:
    """``torch.load(weights_only=True)`` on the CPU, with torch's environment switches out of sight.

    One of them turns the safe reader off where a caller does not insist; both together make it fail.
    """
    import torch

    before = {name: os.environ.pop(name) for name in _SWITCHES if name in os.environ}
    try:
        file.seek(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's advice on odd files is to report them to torch
            return torch.load(file, map_location="cpu", weights_only=True, mmap=False)
    finally:
        os.environ.update(before)


@cache
def allowed_globals() -> frozenset[str]:
    """The globals ("module name") in the pickle of a payload: tensors, their storages and types, ordered dicts."""
    import torch

    torch_names = {name for name, value in vars(torch).items() if isinstance(value, torch.dtype)}
    torch_names |= {name for name in vars(torch) if name.endswith("Storage")}
    torch_names |= {"Size", "device"}
    return frozenset(f"torch {name}" for name in torch_names) | {
        "collections OrderedDict",
        "collections Counter",
        "torch._utils _rebuild_tensor_v2",
        "torch._utils _rebuild_tensor_v3",
        "torch._utils _rebuild_parameter",
        "torch.storage UntypedStorage",
        "torch.storage TypedStorage",
    }


def header_fault(payload: object, *, newest: int) -> str | None:
    """Why ``payload`` is no genlab checkpoint of a format up to ``newest``, in words that follow its name; or None."""
    if not isinstance(payload, Mapping):
        return f"holds a {type(payload).__name__}, not a checkpoint"
    if "genlab" not in payload:
        keys = ", ".join(repr(key) for key in list(payload)[:3])
        if payload and all(hasattr(value, "shape") for value in payload.values()):
            return f"is a bare state_dict ({len(payload)} tensors: {keys}, ...), which does not say of which model"
        return f"is a checkpoint of another program (keys {keys}, ...), not of genlab"
    header = payload["genlab"]
    if not isinstance(header, Mapping):
        return "has a damaged header: 'genlab' is no dict"
    for key, kind in _HEADER.items():
        if type(header.get(key)) is not kind:
            return f"has a damaged header: genlab.{key} is no {kind.__name__}"
    if header["step"] < 0:
        return f"has a damaged header: genlab.step is {header['step']}"
    if not 1 <= header["format"] <= newest:
        return f"has format {header['format']}, and this genlab reads up to {newest}: install the newest genlab"
    return None


def type_fault(payload: object) -> str | None:
    """Where ``payload`` holds something that the safe reader would refuse, and what it is; or None."""
    import torch

    stack: list[tuple[str, Any]] = [("", payload)]
    seen: set[int] = set()
    operations = 0
    while stack:
        where, value = stack.pop()
        kind = type(value)
        operations += _PER_TENSOR if isinstance(value, torch.Tensor) else _PER_VALUE
        if operations > MAX_OPERATIONS:
            return f"holds too many plain values (up to {where}): store long lists as tensors"
        if kind is int and value.bit_length() > 1000:
            return f"{where} is an integer of more than 1000 bits"
        if kind in _LEAVES or kind in (torch.Size, torch.dtype, torch.device):
            continue
        if isinstance(value, torch.Tensor):
            fault = _tensor_fault(value)
            if fault:
                return f"{where} is {fault}"
        elif kind in (dict, OrderedDict, Counter, list, tuple):
            if id(value) in seen:
                continue
            seen.add(id(value))
            if kind in (list, tuple):
                stack.extend((f"{where}[{i}]", item) for i, item in enumerate(value))
                continue
            extra = getattr(value, "__dict__", {}).keys() - {"_metadata"}
            if extra:
                return f"{where} is a {kind.__name__} with attributes of its own ({', '.join(sorted(extra))})"
            for key, item in value.items():
                if type(key) not in _LEAVES:
                    return f"{where} has a key of type {type(key).__name__}: use text or numbers"
                stack.append((f"{where}[{key!r}]", item))
        else:
            return f"{where} is a {kind.__module__}.{kind.__qualname__}: store plain Python values and tensors only"
    return None


def extent_fault(payload: object) -> str | None:
    """Where ``payload`` holds a tensor that claims more elements than its storage has; or None."""
    import torch

    stack: list[object] = [payload]
    seen: set[int] = set()
    while stack:
        value = stack.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, torch.Tensor):
            if value.numel() * value.element_size() > value.untyped_storage().nbytes():
                return f"holds a tensor of shape {tuple(value.shape)[:8]} in {value.untyped_storage().nbytes()} bytes"
        elif isinstance(value, dict):
            if getattr(value, "__dict__", {}).keys() - {"_metadata"}:
                return "holds a dict with attributes of its own"  # one named `items` would stand for the method
            stack.extend(dict.values(value))
        elif isinstance(value, (list, tuple)):
            stack.extend(value)
    return None


def _tensor_fault(value: Any) -> str | None:
    import torch

    if type(value) not in (torch.Tensor, torch.nn.Parameter):
        return f"a {type(value).__module__}.{type(value).__qualname__}: store a plain tensor"
    if value.layout != torch.strided or value.is_quantized or value.is_meta:
        return f"a tensor of layout {value.layout} on {value.device}: store a dense one that has values"
    if value.__dict__:
        return f"a tensor with attributes of its own ({', '.join(value.__dict__)}): store value.detach()"
    if value.is_conj() or value.is_neg():
        return "a lazily conjugated or negated tensor: store value.resolve_conj().resolve_neg()"
    if value.numel() * value.element_size() > value.untyped_storage().nbytes():
        return "an expanded tensor: store value.contiguous()"
    return None
