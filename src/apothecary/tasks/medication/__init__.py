"""Lists of medication for a visit: list-wise recommendation with step-wise rewards."""
