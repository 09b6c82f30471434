"""Packs pictures that a browser wrote (8 bits, RGB or RGBA, not interlaced) tighter, in place: without filters, without alpha."""

import struct
import sys
import zlib


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def rows(data, width, height, size):
    """The rows without the filters of PNG."""
    before, stride = bytearray(width * size), width * size
    for y in range(height):
        at = y * (stride + 1)
        how, row = data[at], bytearray(data[at + 1 : at + 1 + stride])
        for i in range(stride) if how else ():
            left = row[i - size] if i >= size else 0
            up, corner = before[i], before[i - size] if i >= size else 0
            if how == 4:
                guess = left + up - corner
                off = abs(guess - left), abs(guess - up), abs(guess - corner)
                add = (left, up, corner)[off.index(min(off))]
            else:
                add = (0, left, up, (left + up) // 2)[how]
            row[i] = (row[i] + add) & 255
        yield row
        before = row


for path in sys.argv[1:]:
    with open(path, "rb") as file:
        png = file.read()
    at, pixels = 8, b""
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += length + 12
        if kind == b"IDAT":
            pixels += data
        elif kind == b"IHDR":
            width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", data)
    assert depth == 8 and colour in (2, 6) and not interlaced, path
    packed = bytearray()
    for row in rows(zlib.decompress(pixels), width, height, 3 if colour == 2 else 4):
        if colour == 6:
            del row[3::4]
        packed += b"\0" + row
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    with open(path, "wb") as file:
        file.write(png[:8] + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(packed, 9)) + chunk(b"IEND", b""))
