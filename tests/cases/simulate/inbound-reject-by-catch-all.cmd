inbound --trunk carrier-a --to 00442079460099 examples/quickstart
