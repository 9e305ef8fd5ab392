"""A fuzzer for everything that melgan_vc opens: mutated inputs, run in processes with limits."""
