inbound --trunk carrier-b --to 14155550149 examples/quickstart
