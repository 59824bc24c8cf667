"""What is promoted, looked at again: did its promises come true, and is the world still the one it learnt from?"""
