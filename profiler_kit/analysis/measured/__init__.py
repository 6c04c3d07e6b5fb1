"""What measurements of layers say: experiments, matched pairs, folklore, first calls."""
