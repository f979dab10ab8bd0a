"""Who is told of signals, how the loop itself is watched, and what is known of incidents."""
