inbound --source 127.0.0.9 --to 14155550150 examples/quickstart
