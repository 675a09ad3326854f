"""Operation and maintenance (基础运维管理), module 46: what runs, what waits, what was lost, what does not add up."""
