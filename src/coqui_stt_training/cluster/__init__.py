"""Recordings heard by workers on many machines, or by several on this one: a Ray cluster."""
