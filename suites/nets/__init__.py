"""Whole nets: layers in order, activations handed on, held against a float64 reference of all of it.

A net is a table in `tables/`, found by being there. `tables` reads them, `building` makes each layer's case, `chain`
computes the reference with its tolerance, `running` sets the net up on a device.
"""
