"""Other libraries on the same workloads: in the fastest form that their documentation offers (the networks and
ready batches of `bare/`, fused optimizer, all that logs or saves switched off), and in that of their quick start."""
