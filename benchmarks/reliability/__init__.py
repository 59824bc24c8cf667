"""What the service promises, put to the test: kills, torn files, full disks. `make reliability` runs all of it.

A scenario is a module with `run(scale, folder) -> Outcome`; the first line of its docstring says what must hold.
"""
