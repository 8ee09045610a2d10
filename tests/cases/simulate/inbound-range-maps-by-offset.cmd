inbound --trunk carrier-a --to +442079460005 --from +4930123456 examples/quickstart
