"""Where the loudspeakers stand, and which way is left."""

from stemfield.layouts.check import check_layout
from stemfield.layouts.loader import available_layouts, is_layout_path, load_layout
from stemfield.layouts.model import BassManagement, Compensation, EqBand, Layout, LayoutEntry, LayoutError, Speaker

__all__ = [
    "BassManagement",
    "Compensation",
    "EqBand",
    "Layout",
    "LayoutEntry",
    "LayoutError",
    "Speaker",
    "available_layouts",
    "check_layout",
    "is_layout_path",
    "load_layout",
]
