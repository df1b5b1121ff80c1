"""The contenders: each reads a file and prints the same figures. Most of them validate nothing: a favour to them."""
