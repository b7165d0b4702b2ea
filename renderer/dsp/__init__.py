"""What happens to samples: one kind of filter or meter a module, each with its design and its compiled block."""
