"""A web address as a QR code on the terminal, for the camera of a phone."""

from __future__ import annotations

import io

import qrcode
from rich.console import Console


def qr_text(address: str, *, inverted: bool = False) -> str:
    """The code as text of half blocks, with the margin that cameras need.

    Args:
        address: content of the code.
        inverted: whether the text will be shown bright on dark.
    """
    code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M, border=2)
    code.add_data(address)
    drawn = io.StringIO()
    code.print_ascii(drawn, invert=inverted)
    return drawn.getvalue().rstrip("\n")


def show_qr(address: str) -> None:
    """Print the code: black on white if there are colours, otherwise for a dark terminal."""
    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print(qr_text(address, inverted=not console.is_terminal), style="black on bright_white")
