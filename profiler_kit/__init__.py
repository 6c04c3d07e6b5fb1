"""See why a PyTorch layer is slow: every kernel attributed to a layer, with closed books."""

__version__ = "0.1.0"
