"""What is measured: each program does one row's work in a process of its own, and prints one line of JSON."""
