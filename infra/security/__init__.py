"""What the image is made of, which known flaws touch it, and whether a secret lies in the repository."""
