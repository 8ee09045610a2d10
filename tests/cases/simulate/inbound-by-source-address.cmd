inbound --source 127.0.0.3:40000 --to 14155550150 --from 1 -o json examples/quickstart
