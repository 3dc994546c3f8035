"""Executables that teams have: run on a device, case by case, and judged as functions are.

`formats` has what programs print, one file each; `running` runs one on a device, `cases` its cases, `comparing`
compares two builds of it.
"""
