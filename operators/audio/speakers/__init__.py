"""Speakers: embed voices, cluster them into speakers of the whole video, and find the speakers' names."""
