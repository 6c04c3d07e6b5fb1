"""What the devices did at every time: copies, launches, idle gaps, overlap, steps, memory."""
