"""What runs by itself: projection runners, the scheduler and its jobs, and the signs of life they leave."""
