inbound --trunk carrier-a --to 44105 --from 1 tests/cases/simulate/histories
