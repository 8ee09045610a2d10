inbound --trunk carrier-c --to 442079460199 examples/quickstart
