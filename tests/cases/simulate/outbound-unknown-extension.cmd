outbound --tenant acme --extension 999 --to 00 examples/quickstart
