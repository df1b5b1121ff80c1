"""The fast engine: the plain engine's result, byte for byte, in flat memory and on every core.

The way of the data: `stream` (read) → `cut` → `scanner`, or `decode` and `columns` → `check` → `tally` → `merge` →
`result`.
`reader` is the way through the file: it reads the frame around the transactions, and whatever a piece could not
prove, record by record; `lane` takes the long stretches in between, and `processes` spreads them over the cores.
"""
