"""What a convolution or a matrix product computes: its problem, its calls, its useful work."""
