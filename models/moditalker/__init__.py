"""MoDiTalker: speech to the motion of landmarks, and their motion to video (specs/moditalker.md)."""
