# SPDX-License-Identifier: MIT
"""Joins pictures of rrdtool, one above the other."""
import html
import itertools
import re
import struct
import zlib

from .rrd import Error

PNG = b"\x89PNG\r\n\x1a\n"


def stack_png(parts, title):
    """Joins the rows of pixels."""
    rows, height, head = [], 0, None
    for part, share in parts:
        chunks = list(_png_chunks(part))
        width, tall, *rest = struct.unpack(">IIBBBBB", chunks[0][1])
        if head not in (None, (width, *rest)):
            raise Error("the pictures of rrdtool differ in width")
        head = (width, *rest)
        pixels = bytearray(zlib.decompress(
            b"".join(data for kind, data in chunks if kind == b"IDAT")))
        row, used = len(pixels) // tall, round(tall * share)
        _detach(pixels, row, {2: 3, 6: 4}[rest[1]])
        rows.append(pixels[:row * used])
        height += used
    header = struct.pack(">IIBBBBB", head[0], height, *head[1:])
    text = b"Description\0\0\0\0\0" + title.encode()
    return PNG + b"".join(itertools.starmap(_png_chunk, (
        (b"IHDR", header), (b"iTXt", text),
        (b"IDAT", zlib.compress(b"".join(rows), 6)), (b"IEND", b""))))


def _png_chunks(data):
    at = len(PNG)
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        yield kind, data[at + 8:at + 8 + size]
        at += size + 12


def _png_chunk(kind, data):
    return struct.pack(">I4s", len(data), kind) + data + struct.pack(
        ">I", zlib.crc32(kind + data))


def _detach(pixels, row, depth):
    """Makes the first row independent of the row above it.

    The PNG filters 2, 3 and 4 use that row, which counts as 0 at the top."""
    if pixels[0] == 2:
        pixels[0] = 0
    elif pixels[0] == 4:
        pixels[0] = 1
    elif pixels[0] == 3:
        for i in range(1 + depth, row):
            pixels[i] = (pixels[i] + pixels[i - depth] // 2) & 0xff
        pixels[0] = 0


def stack_svg(parts, title):
    """Joins the parts as nested <svg> elements, and keeps their ids apart."""
    inner, width, height = [], 0, 0
    for i, (part, share) in enumerate(parts):
        text = part.decode()
        wide, tall = map(float, re.search(
            r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text).groups())
        tall = round(tall * share)
        body = re.search(r"<svg[^>]*>(.*)</svg>", text, re.S).group(1)
        body = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>p{i}-", body)
        inner.append(f'<svg x="0" y="{height:g}" width="{wide:g}" '
                     f'height="{tall:g}" viewBox="0 0 {wide:g} {tall:g}">'
                     f"{body}</svg>\n")
        width, height = max(width, wide), height + tall
    return (f'<?xml version="1.0" encoding="UTF-8"?>\n<svg '
            'xmlns="http://www.w3.org/2000/svg" '
            'xmlns:xlink="http://www.w3.org/1999/xlink" role="img" '
            f'width="{width:g}" height="{height:g}" '
            f'viewBox="0 0 {width:g} {height:g}">\n'
            f"<title>{html.escape(title)}</title>\n{''.join(inner)}"
            "</svg>\n").encode()


def picture_size(data, picture_format):
    """The width and height on the page."""
    if picture_format == "png":
        return tuple(side // 2 for side in struct.unpack_from(">II", data, 16))
    found = re.search(rb' width="([\d.]+)" height="([\d.]+)" viewBox', data)
    return tuple(round(float(side)) for side in found.groups())
