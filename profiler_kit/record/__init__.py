"""Recording: ``torch.profiler`` with layer spans, environment facts and files that are whole or not there."""

from profiler_kit.record.counters import FLOP_COUNTERS
from profiler_kit.record.dense_vs_conv import DenseVsConv, Measurement, record_dense_vs_conv
from profiler_kit.record.environment import describe_environment
from profiler_kit.record.recorder import Recorder

__all__ = [
    "FLOP_COUNTERS",
    "DenseVsConv",
    "Measurement",
    "Recorder",
    "describe_environment",
    "record_dense_vs_conv",
]
