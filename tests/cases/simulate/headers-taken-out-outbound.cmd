outbound --tenant acme --extension 1000 --to 004930123456 tests/cases/simulate/histories
