"""Render a trace as PNG, SVG, PDF, GIF, MP4 or numbered PNGs. The same trace and Spec give the same file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image
from PySide6.QtGui import QImage

from hrm_model.errors import ExportError
from hrm_model.files import atomic_path
from hrm_model.trace.data import Trace
from hrm_studio.export.image import write_pdf, write_svg
from hrm_studio.export.spec import Spec
from hrm_studio.render.canvas import Canvas

Report = Callable[[int, int], object]  # pictures made, pictures in all
_COLOURS = 96  # in a GIF; text and lines need no more
_PALETTE_FROM = 8  # frames from which the colours of a GIF are chosen


def export(trace: Trace, spec: Spec, path: Path, report: Report = lambda done, total: None) -> Path:
    """Write the file (a folder for 'frames'); an existing one is replaced only when the new one is complete. Raises OSError or ExportError.

    An exception raised by `report` stops the export and removes unfinished files.
    """
    steps = spec.steps(trace)
    canvas = Canvas(trace, spec)
    try:
        with atomic_path(path) as part:
            if spec.animated:
                pictures = _counted(canvas, steps, report)
                {"gif": _gif, "mp4": _mp4, "frames": _frames}[spec.kind](pictures, canvas, steps, spec, part)
            else:
                canvas.go(steps[0])
                {"png": _png, "svg": write_svg, "pdf": write_pdf}[spec.kind](canvas, part)
                report(1, 1)
    finally:
        canvas.close()
        canvas.deleteLater()
    return path


def _counted(canvas: Canvas, steps: list[int], report: Report) -> Iterator[Image.Image]:
    for done, step in enumerate(steps, 1):
        canvas.go(step)
        yield _to_pillow(canvas.image())
        report(done, len(steps))


def _to_pillow(image: QImage) -> Image.Image:
    return Image.frombytes("RGB", (image.width(), image.height()), bytes(image.constBits()), "raw", "RGB", image.bytesPerLine())


# Pictures -----------------------------------------------------------------------------------------------------------------


def _png(canvas: Canvas, path: Path) -> None:
    _to_pillow(canvas.image()).save(path, "PNG", optimize=True)


# Animations ----------------------------------------------------------------------------------------------------------------


def _gif(pictures: Iterator[Image.Image], canvas: Canvas, steps: list[int], spec: Spec, path: Path) -> None:
    palette = _palette(canvas, steps)
    # GIF delays are hundredths of a second; browsers slow down delays below two.
    a_step = max(20, round(100 / spec.speed) * 10)
    durations = [a_step] * (len(steps) - 1) + [a_step + round(spec.hold * 1000)]
    packed = (picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures)
    with path.open("wb") as file:
        next(packed).save(file, "GIF", save_all=True, append_images=packed, duration=durations, loop=0, optimize=True, disposal=1)


def _palette(canvas: Canvas, steps: list[int]) -> Image.Image:
    """One palette for the whole animation. With a shared palette unchanged pixels stay equal, and a free entry lets Pillow drop them as transparent."""
    some = steps[:: max(1, len(steps) // _PALETTE_FROM)]
    size = canvas.pixels()
    sheet = Image.new("RGB", (size.width(), size.height() * len(some)))
    for k, step in enumerate(some):
        canvas.go(step)
        sheet.paste(_to_pillow(canvas.image()), (0, k * size.height()))
    return sheet.quantize(_COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)


def _frames(pictures: Iterator[Image.Image], canvas: Canvas, steps: list[int], spec: Spec, path: Path) -> None:
    path.mkdir()
    digits = len(str(steps[-1]))
    for step, picture in zip(steps, pictures, strict=True):
        picture.save(path / f"step_{step:0{digits}d}.png", "PNG")


def _mp4(pictures: Iterator[Image.Image], canvas: Canvas, steps: list[int], spec: Spec, path: Path) -> None:
    try:
        import imageio_ffmpeg
    except ImportError:
        raise ExportError("MP4 export needs the extra `video`: pip install 'hrm-studio[video]'. GIF works without it") from None
    size = canvas.pixels()
    even = (size.width() // 2 * 2, size.height() // 2 * 2)  # common players need even sizes
    writer = imageio_ffmpeg.write_frames(
        str(path), even, fps=spec.speed, codec="libx264", pix_fmt_in="rgb24", macro_block_size=2, quality=8, ffmpeg_log_level="error",
        output_params=["-threads", "1", "-fflags", "+bitexact", "-flags:v", "+bitexact", "-movflags", "+faststart"],
    )  # fmt: skip
    writer.send(None)
    try:
        last = b""
        for picture in pictures:
            last = picture.crop((0, 0, *even)).tobytes()
            writer.send(last)
        for _ in range(round(spec.hold * spec.speed)):
            writer.send(last)
    finally:
        writer.close()
