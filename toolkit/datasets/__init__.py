"""Importers: each brings a data set as its users have it into a clips table (`toolkit.clips.read_clips`), by a command.

What such a data set names is data: no path leaves its folder, and no file of it is run.
"""
