"""Who acts: posts and their permissions, actors, tokens, and the realm they come from."""
