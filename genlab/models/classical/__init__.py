"""Classical density models, fitted in one pass: what every deep number stands beside.

A density of reals is an exact likelihood of vectors; of pictures it is one only of their dequantised copies, and so
becomes a bound (`DequantisedFit`). What is counted or tabulated differs between levels and reals altogether. Functions
named as their files choose.
"""
