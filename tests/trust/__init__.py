"""What is promised, tried: nothing is lost, nothing is leaked, nobody is let in. `make trust` prints the figures."""
