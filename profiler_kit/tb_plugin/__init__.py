"""The page in TensorBoard: a dynamic plugin whose routes hand out what :mod:`profiler_kit.report.page` makes."""
