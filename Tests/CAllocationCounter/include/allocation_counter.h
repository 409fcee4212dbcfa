#pragma once
#include <stdbool.h>
#include <stddef.h>

/// Blocks that the calling thread has taken from the heap so far. Linking this in counts them for the whole
/// program, the Swift runtime included.
size_t moult_test_allocation_count(void);

/// Whether they are counted: not under a sanitizer, which brings its own heap, and only with glibc.
bool moult_test_counts_allocations(void);
