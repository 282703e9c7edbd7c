"""What procy costs: every figure beside a reference measured in the same run, interleaved with it."""
