"""The engine against what one might use instead: `make bench`. Each contender is a process, from start to figures."""
