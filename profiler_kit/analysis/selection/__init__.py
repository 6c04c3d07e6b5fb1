"""Which kernels the libraries chose for each problem, and what other witnesses say."""
