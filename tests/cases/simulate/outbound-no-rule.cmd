outbound --tenant acme --extension 1000 --to 911 -o json examples/quickstart
