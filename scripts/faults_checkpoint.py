"""Kill the writer of checkpoints at random moments, and damage or poison checkpoints in every way we know.

    python scripts/faults_checkpoint.py --kills 200 --mutations 10000

Laws: after every kill the last checkpoint verifies, reads and is not older than the last one reported durable; no
mutated file runs code, hangs for 5 s or crashes the reader; every changed byte is detected; every poisoned pickle is
refused as such. Prints a table, and leaves with 1 if a law is broken.
"""

from __future__ import annotations

import argparse
import io
import os
import pickle
import random
import re
import shutil
import signal
import struct
import sys
import tempfile
import time
import warnings
import zipfile
from collections import Counter
from pathlib import Path

import torch

from genlab.errors import CheckpointError, GenlabError, TrustError
from genlab.storage import archive, checkpoint

HANG = 5.0


def payload(step: int, *, floats: int) -> dict:
    header = {"format": 1, "version": "0", "config": {"model": {"width": 3}}, "spec": {"levels": 256}, "step": step}
    generator = torch.Generator().manual_seed(step)
    module = torch.nn.BatchNorm1d(5)
    weights = {**module.state_dict(), "w": torch.rand(floats, generator=generator)}
    return {"genlab": header, "state_dict": weights, "loops": [1, 2.5, None, {"done": True}]}


# --- kills -----------------------------------------------------------------------------------------------------------


def writer(folder: Path, start: int, pipe: int) -> None:
    """Write steps and overwrite one name until killed; report each step once it is durable."""
    step = start
    while True:
        value = payload(step, floats=250_000)
        checkpoint.write_step(folder, step, value)
        os.write(pipe, struct.pack("<q", step))
        checkpoint.write(folder / checkpoint.BEST, value)
        step += 1


def kill_once(folder: Path, start: int, delay: float) -> int:
    """Fork a writer, kill it after ``delay`` seconds, return the last step that it reported (or ``start - 1``)."""
    receive, send = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(receive)
        try:
            writer(folder, start, send)
        finally:
            os._exit(1)  # never reached but by an error, which the parent sees in the status
    os.close(send)
    time.sleep(delay)
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    with os.fdopen(receive, "rb") as pipe:
        data = pipe.read()
    if not os.WIFSIGNALED(status):
        raise SystemExit("the writer ended by itself: an error above")
    return struct.unpack("<q", data[-8:])[0] if data else start - 1


def kills(count: int, rng: random.Random, folder: Path) -> Counter:
    """Kill ``count`` writers; count outcomes by name."""
    folder.mkdir()
    seen: Counter = Counter()
    checkpoint.write_step(folder, 0, payload(0, floats=250_000))
    checkpoint.write(folder / checkpoint.BEST, payload(0, floats=250_000))
    step = 0
    for _ in range(count):
        reported = kill_once(folder, step + 1, rng.uniform(0.0, 0.15))
        seen["kills"] += 1
        seen["temporary files left by the killed"] += len(list(folder.glob(".*.tmp")))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # the newest itself must verify, not the one before it
                step = checkpoint.read(checkpoint.latest(folder))["genlab"]["step"]
            checkpoint.read(folder / checkpoint.BEST)
        except (GenlabError, Warning) as error:
            seen["BROKEN unreadable"] += 1
            print(f"  {error}")
        seen["checkpoints written"] = step
        if step < reported:
            seen["BROKEN lost a durable step"] += 1
    checkpoint.write_step(folder, step + 1, payload(step + 1, floats=10))
    if list(folder.glob(".*.tmp")):
        seen["BROKEN temporary files not cleaned"] += 1
    return seen


# --- mutations -------------------------------------------------------------------------------------------------------


def resealed(data: bytes) -> bytes:
    """``data`` with a true seal: what someone does who means it."""
    end = len(data) - 22 - (78 if b"genlab-sha256:" in data[-78:] else 0)
    file = io.BytesIO()
    sealed = archive.SealedWriter(file)
    sealed._sha.update(data[: end + 20])
    file.write(data[: end + 20])
    mark = struct.pack("<H", 78) + b"genlab-sha256:"
    sealed._sha.update(mark)
    return data[: end + 20] + mark + sealed._sha.hexdigest().encode()


def repacked(data: bytes, change) -> bytes:
    """The archive with ``change(name, content)`` in place of each member, and true checksums."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for member in old.infolist():
            new.writestr(member.filename, change(member.filename, old.read(member)))
    return out.getvalue()


class Evil:
    """Pickles as a call."""

    def __init__(self, function, *args) -> None:
        self.call = (function, args)

    def __reduce__(self):
        return self.call


def poisons(canary: Path) -> list[bytes]:
    """Pickles that make ``canary`` if anything runs them."""
    touch = f"touch {canary}"
    code = f"open({str(canary)!r}, 'w').close()"
    calls = [Evil(os.system, touch), Evil(exec, code), Evil(eval, code), Evil(open, str(canary), "w")]
    calls += [Evil(getattr, Evil(__import__, "os"), "system"), Evil(os.mkdir, str(canary))]
    made = [pickle.dumps({"genlab": call}, protocol=p) for call in calls for p in range(6)]
    text = f"cos\nsystem\n(S'{touch}'\ntR.".encode()
    instance = f"(S'{touch}'\nios\nsystem\n.".encode()
    new = b"\x80\x02csubprocess\nPopen\n(]X" + struct.pack("<I", len(touch)) + touch.encode() + b"at\x81."
    hidden = b"\x80\x02ctorch._utils\n_rebuild_wrapper_subclass\n)R."
    return [*made, text, instance, b"\x80\x02" + text, new, hidden]


def hash_bomb(depth: int) -> bytes:
    """A dict whose key is a tuple of tuples, doubled ``depth`` times: a few bytes, 2**depth steps to hash."""
    levels = b"".join(b"h%ch%c\x86q%c" % (i, i, i + 1) for i in range(depth))
    return b"\x80\x02}()q\x00" + levels + b"K\x01u."


DETECT, SURVIVE, REFUSE = "altered: detected", "crafted: survived", "poisoned: refused"


def mutation(index: int, base: bytes, other: bytes, poison: list[bytes]) -> tuple[str, str, bytes]:
    """The kind, the law and the bytes of mutation ``index``; a function of the index, so that it can be repeated."""
    rng = random.Random(index)
    data = bytearray(base)
    at = rng.randrange(len(data))
    kind = ("flip", "cut", "zero", "splice", "insert", "crafted bytes", "crafted pickle", "poison", "bomb")[index % 9]
    if kind == "flip":
        data[at] ^= 1 << rng.randrange(8)
    elif kind == "cut":
        del data[at:]
    elif kind == "zero":
        end = min(len(data), at + rng.randrange(1, 600))
        data[at:end] = bytes(end - at)
    elif kind == "splice":
        size, source = rng.randrange(1, 2000), rng.randrange(len(other))
        data[at : at + size] = other[source : source + size]
    elif kind == "insert":
        data[at:at] = rng.randbytes(rng.randrange(1, 50))
    elif kind == "crafted bytes":  # with a true seal: what is left are structure and checksums
        for _ in range(rng.randrange(1, 5)):
            data[rng.randrange(len(data) - 78)] = rng.randrange(256)
        return kind, SURVIVE, resealed(bytes(data))
    elif kind == "crafted pickle":  # with true checksums too: what is left is the reader

        def change(name: str, content: bytes) -> bytes:
            if not name.endswith("data.pkl"):
                return content
            edited = bytearray(content)
            for _ in range(rng.randrange(1, 4)):
                edited[rng.randrange(len(edited))] = rng.randrange(256)
            return bytes(edited)

        return kind, SURVIVE, resealed(repacked(base, change))
    else:
        evil = hash_bomb(rng.randrange(30, 60)) if kind == "bomb" else rng.choice(poison)
        if kind == "poison" and rng.random() < 0.25:
            return kind, REFUSE, evil  # bare, as pickle.dump leaves it
        packed = repacked(base, lambda name, content: evil if name.endswith("data.pkl") else content)
        return kind, REFUSE, resealed(packed) if rng.random() < 0.5 else packed
    return kind, DETECT if bytes(data) != base else "unchanged", bytes(data)


def check(path: Path, law: str) -> str:
    """Read ``path``; the outcome in a word, starting with BROKEN if the law is."""
    try:
        checkpoint.read(path)
    except TrustError:
        return "refused" if law != DETECT else "BROKEN told as unsafe, is damaged"
    except CheckpointError:
        return "told as damaged" if law != REFUSE else "BROKEN told as damaged, is unsafe"
    return "read" if law in (SURVIVE, "unchanged") else "BROKEN read"


def mutations(count: int, seed: int, folder: Path) -> tuple[Counter, float]:
    """Read ``count`` mutated checkpoints in a child that a hang or a crash may take with it; outcomes, longest time."""
    folder.mkdir()
    canary = folder / "canary"
    good = folder / "good.ckpt"
    checkpoint.write(good, payload(1, floats=2000))
    base = good.read_bytes()
    checkpoint.write(folder / "other.ckpt", payload(2, floats=3000))
    other, poison = (folder / "other.ckpt").read_bytes(), poisons(canary)
    seen: Counter = Counter()
    longest, index, end = 0.0, seed, seed + count
    while index < end:
        receive, send = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(receive)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)  # kills, also inside C code
            with os.fdopen(send, "w", buffering=1) as pipe:
                try_all(range(index, end), folder / "mutated.ckpt", pipe, (base, other, poison))
            os._exit(0)
        os.close(send)
        with os.fdopen(receive) as pipe:
            for line in pipe:
                kind, seconds, outcome = line.rstrip("\n").split("\t")
                seen[kind, outcome] += 1
                longest = max(longest, float(seconds))
                index += 1
        _, status = os.waitpid(pid, 0)
        if index < end:  # it died on this one
            hung = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM
            seen[mutation(index, base, other, poison)[0], "BROKEN hang" if hung else f"BROKEN crash at {index}"] += 1
            index += 1
    if canary.exists():
        seen["any", "BROKEN code ran"] += 1
    return seen, longest


def try_all(indices: range, path: Path, pipe, material: tuple[bytes, bytes, list[bytes]]) -> None:
    """Read each mutation, with and without the .sha256 beside it and torch's switches in the environment."""
    side = path.with_name(path.name + ".sha256")
    truth = (path.parent / "good.ckpt.sha256").read_text()
    for index in indices:
        kind, law, data = mutation(index, *material)
        rng = random.Random(-index)
        path.write_bytes(data)
        side.unlink(missing_ok=True)
        if law == DETECT and rng.random() < 0.3:
            side.write_text(truth)
        for switch in ("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_WEIGHTS_ONLY_LOAD"):
            os.environ.pop(switch, None)
            if rng.random() < 0.5:
                os.environ[switch] = "1"
        signal.setitimer(signal.ITIMER_REAL, HANG)
        begin = time.perf_counter()
        outcome = check(path, law)
        seconds = time.perf_counter() - begin
        signal.setitimer(signal.ITIMER_REAL, 0)
        pipe.write(f"{kind}\t{seconds}\t{law} / {outcome}\n")


def every_byte(folder: Path) -> Counter:
    """Flip one bit in each byte of a checkpoint that lost its .sha256: each must be detected."""
    folder.mkdir()
    path = folder / "one.ckpt"
    checkpoint.write(path, payload(1, floats=20))
    data = path.read_bytes()
    seen: Counter = Counter()
    for at in range(len(data)):
        altered = data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :]
        try:
            archive.verify(io.BytesIO(altered), str(path), expected=None)
            seen["BROKEN a flipped byte went unseen"] += 1
        except CheckpointError:
            seen["flipped bytes detected"] += 1
    return seen


def main() -> int:
    parser = argparse.ArgumentParser(description=re.split(r"\n\n", __doc__ or "")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--mutations", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)  # forked writers must not wait for threads that stayed behind
    folder = Path(tempfile.mkdtemp(prefix="faults-", dir="."))
    if os.path.isdir("/dev/shm"):  # another file system than the checkpoints': staging there would show
        tempfile.tempdir = os.environ["TMPDIR"] = "/dev/shm"
    broken = 0
    try:
        for title, run in (
            ("kills", lambda: (kills(options.kills, random.Random(options.seed), folder / "kills"), None)),
            ("every byte", lambda: (every_byte(folder / "bytes"), None)),
            ("mutations", lambda: mutations(options.mutations, options.seed, folder / "mutations")),
        ):
            begin = time.perf_counter()
            seen, longest = run()
            extra = f", longest read {longest:.3f} s" if longest is not None else ""
            print(f"{title}: {time.perf_counter() - begin:.1f} s{extra}")
            for key, number in sorted(seen.items(), key=str):
                text = key if isinstance(key, str) else f"{key[0]:<15} {key[1]}"
                print(f"  {number:>7}  {text}")
                broken += number if "BROKEN" in text else 0
    finally:
        shutil.rmtree(folder)
    print("all laws hold" if not broken else f"{broken} BROKEN")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
