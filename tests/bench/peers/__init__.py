"""The contenders: each reads a file and prints the same figures. They validate nothing, which is in their favour."""
