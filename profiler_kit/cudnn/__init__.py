"""cuDNN asked itself: which plan it would choose for a convolution on any GPU, and what its log says it chose."""
