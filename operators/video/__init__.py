"""Sources and frames: probing, decoding in a monitored child process, back ends, subtitles, clocks and
discontinuities. Imports analysis (cuts and signals of the decoding pass) and everything below.
"""
