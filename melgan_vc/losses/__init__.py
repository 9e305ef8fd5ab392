"""What the three networks are trained on: one idea a file, each from the outputs of a step to a scalar."""
