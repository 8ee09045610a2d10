inbound --trunk carrier-a --to 442079460199 examples/quickstart
