"""MoDiTalker (AAAI 2025, arXiv 2403.19144): speech moves 3D landmarks, and these a video's lower face."""
