#ifndef MOULT_STORAGE_H
#define MOULT_STORAGE_H

#include <stddef.h>
#include <stdint.h>

/// CRC-32 as in zlib and PNG (reflected, polynomial 0xEDB88320), taken piece by piece: the same numbers as zlib's
/// `crc32_z`, three times as fast where the processor multiplies without carries.
///
/// checksum  of the bytes before, 0 at the beginning.
/// bytes     any alignment; may be null when `count` is 0.
uint32_t moult_crc32(uint32_t checksum, const void *bytes, size_t count);

/// Begins to write a range of a file to the disk and does not wait for it; where the system cannot, does nothing.
///
/// Nothing is promised: errors are kept by the kernel for the next sync.
void moult_begin_writeback(int descriptor, int64_t offset, int64_t count);

#endif
