"""What a recording is like before anybody judges it: where somebody speaks, how loud, how clean, how wide."""
