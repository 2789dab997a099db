"""DiffTalk (CVPR 2023, arXiv 2301.03786): the lower face repainted by diffusion in the latents of an auto-encoder."""
