# SPDX-License-Identifier: Apache-2.0
"""Writers of recordings in every format, by the specifications of the formats; they share nothing with the program."""

import pathlib
import struct
import tempfile

import numpy as np

work = pathlib.Path(tempfile.mkdtemp())
random = np.random.default_rng(20)

# ---- WFDB ----

BITS = {8: 16, 16: 16, 24: 24, 32: 32, 61: 16, 80: 8, 160: 16, 212: 12, 310: 10, 311: 10}


def pack(form, x, first):
    """The samples of a signal file, frame by frame [n][signals]."""
    flat = [int(v) for v in x.reshape(-1)]
    if form == 8:
        d = np.diff(np.vstack([first, x]), axis=0)
        assert np.abs(d).max() < 128
        return d.astype(np.int8).tobytes()
    if form in (16, 61):
        return b"".join(struct.pack("<h" if form == 16 else ">h", v) for v in flat)
    if form == 24:
        return b"".join(struct.pack("<i", v)[:3] for v in flat)
    if form == 32:
        return b"".join(struct.pack("<i", v) for v in flat)
    if form == 80:
        return bytes(v + 128 for v in flat)
    if form == 160:
        return b"".join(struct.pack("<H", v + 32768) for v in flat)
    out = bytearray()
    if form == 212:
        for k in range(0, len(flat), 2):
            a, b = flat[k] & 0xFFF, (flat[k + 1] & 0xFFF) if k + 1 < len(flat) else None
            out += bytes([a & 255, a >> 8 | (0 if b is None else b >> 8 << 4)])
            if b is not None:
                out.append(b & 255)
        return bytes(out)
    for k in range(0, len(flat), 3):
        part = [v & 0x3FF for v in flat[k : k + 3]]
        rest = len(part)
        part += [0] * (3 - rest)
        if form == 310:
            words = struct.pack("<HH", part[0] << 1 | (part[2] & 31) << 11, part[1] << 1 | part[2] >> 5 << 11)
            out += words[: {1: 2, 2: 4, 3: 4}[rest]]
        else:
            out += struct.pack("<I", part[0] | part[1] << 10 | part[2] << 20)[: {1: 2, 2: 3, 3: 4}[rest]]
    return bytes(out)


def checksum(x):
    s = int(np.sum(x.astype(np.int64))) & 0xFFFF
    return s - 65536 if s >= 32768 else s


def write_wfdb(name, form, x, rate=250, gains=None, baselines=None, units=None, names=None, counted=True, offset=0, frames=1,
               first=None, bits=None):
    """x [n * frames][signals], frames samples of each in a frame. Returns the physical values."""
    n, signals = x.shape
    first = x[0] if first is None else first
    gains = gains or [200.0] * signals
    baselines = baselines or [0] * signals
    by_frame = x.reshape(n // frames, frames, signals).transpose(0, 2, 1).reshape(-1, frames * signals)
    (work / f"{name}.dat").write_bytes(b"\xa5" * offset + pack(form, by_frame, np.repeat(first, frames)))
    lines = ["# comment", f"{name} {signals} {rate}" + (f" {n // frames}" if counted else "")]
    for i in range(signals):
        extra = (f"x{frames}" if frames > 1 else "") + (f"+{offset}" if offset else "")
        unit = f"/{units[i]}" if units else ""
        label = f" {names[i]}" if names else ""
        lines.append(f"{name}.dat {form}{extra} {gains[i]}({baselines[i]}){unit} {bits or BITS[form]} 0 {first[i]}"
                     f" {checksum(x[:, i])} 0{label}")
    (work / f"{name}.hea").write_text("\n".join(lines) + "\n")
    invalid = None if form == 8 else -(1 << (BITS[form] - 1))
    values = (x - np.array(baselines, dtype=np.float64)) / np.array(gains, dtype=np.float64)
    return np.where(x == invalid, np.nan, values) if invalid is not None else values


CODES = {"N": 1, "L": 2, "V": 5, "A": 8, "~": 14, '"': 22, "+": 28, "/": 12, "r": 41}


def write_atr(name, events, resolution=None, end=True):
    """events: (sample, sign, aux or None)."""
    out, last = bytearray(), 0
    if resolution:
        events = [(0, '"', f"## time resolution: {resolution}"), *events]
    for k, (sample, sign, aux) in enumerate(events):
        interval, last = sample - last, sample
        if not 0 <= interval < 1024:
            out += struct.pack("<HHH", 59 << 10, (interval >> 16) & 0xFFFF, interval & 0xFFFF)
            interval = 0
        out += struct.pack("<H", CODES[sign] << 10 | interval)
        if k % 3 == 1:
            out += struct.pack("<HHH", 60 << 10 | 7, 61 << 10 | 1, 62 << 10 | 1)
        if aux is not None:
            text = aux.encode()
            out += struct.pack("<H", 63 << 10 | len(text)) + text + b"\0" * (len(text) % 2)
    (work / f"{name}.atr").write_bytes(bytes(out) + (b"\0\0" if end else b""))


def any_samples(form, n, signals):
    half = 1 << (BITS[form] - 1)
    if form == 8:
        return np.cumsum(random.integers(-100, 101, (n, signals)), axis=0)
    x = random.integers(-half, half, (n, signals))
    x[random.integers(0, n, 3), random.integers(0, signals, 3)] = -half
    x[random.integers(0, n, 3), random.integers(0, signals, 3)] = half - 1
    return x


# ---- EDF ----


def text(value, width):
    out = str(value).encode("latin-1")
    assert len(out) <= width, value
    return out.ljust(width)


def tals(onset, events, size):
    out = f"{onset:+.10g}".encode() + b"\x14\x14\0"
    for time, duration, label in events:
        out += f"{time:+.10g}".encode() + (b"\x15" + f"{duration:.10g}".encode() if duration else b"") + b"\x14" + label.encode() + b"\x14\0"
    assert len(out) <= size
    return out.ljust(size, b"\0")


def write_edf(name, signals, duration=1, kind="", onsets=None, events=None, bits=16, records=None, change=None):
    """signals: (label, unit, physical min, max, digital min, max, x [records][n]). Returns physical values by signal."""
    width, n = bits // 8, len(signals[0][6]) if signals else len(onsets)
    plus = kind.startswith(("EDF+", "BDF+"))
    onsets = onsets or [k * duration for k in range(n)]
    count, size = len(signals) + plus, 240 if bits == 16 else 240
    head = b"\xffBIOSEMI" if bits == 24 else text("0", 8)
    head += text("X", 80) + text("Y", 80) + text("01.01.20", 8) + text("00.00.00", 8) + text(256 * (count + 1), 8)
    head += text(kind, 44) + text(n if records is None else records, 8) + text(duration, 8) + text(count, 4)
    note = ("EDF Annotations" if bits == 16 else "BDF Annotations", "", -1, 1, -(1 << (bits - 1)), (1 << (bits - 1)) - 1, np.zeros((n, size // width)))
    rows = [*signals, note] if plus else signals
    for field, w in ((0, 16), ("transducer", 80), (1, 8), (2, 8), (3, 8), (4, 8), (5, 8), ("filter", 80)):
        head += b"".join(text(s[field] if isinstance(field, int) else field, w) for s in rows)
    head += b"".join(text(s[6].shape[1], 8) for s in rows) + b"".join(text("", 32) for s in rows)
    body = bytearray()
    for k in range(n):
        for s in signals:
            body += b"".join(struct.pack("<i", int(v))[:width] for v in s[6][k])
        if plus:
            body += tals(onsets[k], (events or {}).get(k, []), size)
    file = bytearray(head + bytes(body))
    for at, new in (change or {}).items():
        file[at : at + len(new)] = new
    (work / name).write_bytes(bytes(file))
    return [(s[6].reshape(-1) - s[4]) * (s[3] - s[2]) / (s[5] - s[4]) + s[2] for s in signals]


def any_signal(label, records, n, bits=16, unit="uV", low=None, high=None):
    half = 1 << (bits - 1)
    low, high = -half if low is None else low, half - 1 if high is None else high
    a, b = round(float(random.normal()) * 100, 2), round(float(random.normal()) * 3000, 1)
    return (label, unit, a, b, low, high, random.integers(low, high + 1, (records, n)))


# ---- GDF ----

GDF_TYPES = {"i1": 1, "u1": 2, "i2": 3, "u2": 4, "i4": 5, "u4": 6, "i8": 7, "u8": 8, "f4": 16, "f8": 17, "i3": 279, "u3": 535}


def gdf_samples(x, kind):
    if kind[1] == "3":
        return b"".join(int(v).to_bytes(3, "little", signed=kind[0] == "i") for v in x)
    return np.asarray(x).astype("<" + kind).tobytes()


def write_gdf(name, signals, version="2.20", duration=(1, 1), events=(), mode=1, rate=0, records=None, more=0, change=None, tail=b"", parts=b""):
    """signals: (label, unit (text in 1.x, code in 2.x), physical min, max, digital min, max, x [records][n], kind).
    events: (position from 1, type, channel, duration). Returns physical values by signal."""
    n, count, early = len(signals[0][6]), len(signals), version < "1.9"
    head = bytearray(f"GDF {version}".encode() + bytes(248))
    size = 256 * (count + 1) + more
    head[184:192] = struct.pack("<Q", size) if early else struct.pack("<Q", size // 256)
    head[236:244] = struct.pack("<q", n if records is None else records)
    head[244:252] = struct.pack("<d", duration[0] / duration[1]) if version >= "2.21" else struct.pack("<II", *duration)
    head[252:256] = struct.pack("<I", count)

    def field(width, values):
        assert all(len(v) <= width for v in values)
        head.extend(b"".join(v.ljust(width, b"\0") for v in values))

    field(16, [s[0].encode() for s in signals])
    field(80, [b"transducer"] * count)
    field(6 if not early else 8, [(s[1] if isinstance(s[1], str) else "uV").encode("latin-1") if early else b"" for s in signals])
    if not early:
        field(2, [struct.pack("<H", s[1]) for s in signals])
    for k in (2, 3):
        field(8, [struct.pack("<d", s[k]) for s in signals])
    for k in (4, 5):
        field(8, [struct.pack("<q" if early else "<d", s[k]) for s in signals])
    field(80, [b""] * count)
    field(4, [struct.pack("<I", s[6].shape[1]) for s in signals])
    field(4, [struct.pack("<I", GDF_TYPES[s[7]]) for s in signals])
    field(32, [b""] * count)
    assert len(head) == 256 * (count + 1)
    body = parts.ljust(more, b"\0") + b"".join(gdf_samples(s[6][k], s[7]) for k in range(n) for s in signals)
    table = b""
    if events:
        N = struct.pack("<I", len(events))
        table = bytes([mode]) + (struct.pack("<I", rate)[:3] + N if version < "1.94" else N[:3] + struct.pack("<f", rate))
        table += b"".join(struct.pack("<I", e[0]) for e in events) + b"".join(struct.pack("<H", e[1]) for e in events)
        if mode & 2:
            table += b"".join(struct.pack("<H", e[2]) for e in events) + b"".join(struct.pack("<I", e[3]) for e in events)
        table += bytes(8 * len(events) if mode & 4 else 0)
    file = bytearray(bytes(head) + body + table + tail)
    for at, new in (change or {}).items():
        file[at : at + len(new)] = new
    (work / name).write_bytes(bytes(file))
    with np.errstate(divide="ignore"):
        return [(s[6].reshape(-1).astype(float) - s[4]) * (s[3] - s[2]) / (s[5] - s[4]) + s[2] for s in signals]


def gdf_signal(label, records, n, kind="i2", unit=4275):
    if kind[0] == "f":
        low, high, x = -3.5, 250.0, random.normal(0, 100, (records, n)).astype(kind)
    else:
        bits = 8 * int(kind[1])
        low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if kind[0] == "i" else (0, (1 << bits) - 1)
        x = random.integers(low, high, (records, n), dtype={"i3": "i4", "u3": "u4"}.get(kind, kind), endpoint=True)
    a, b = round(float(random.normal()) * 100, 2), round(float(random.normal()) * 3000, 1)
    return (label, unit, a, b, low, high, x, kind)
