outbound --tenant bolt --extension 200 --to bob examples/quickstart
