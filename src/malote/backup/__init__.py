"""Keeping a billing server: one file that holds all of it, made while it works, and a home folder made from one."""
