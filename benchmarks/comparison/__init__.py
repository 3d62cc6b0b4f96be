"""The comparison's machinery: it runs contenders, counts what they left, and prints a table.

`compare.py` is its command line.
"""
