inbound --trunk carrier --to 442079460007 tests/cases/simulate/named
