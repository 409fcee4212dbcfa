#ifndef DAMAGE_H
#define DAMAGE_H

#include <stdint.h>

/// Remembers that the page or frame at `offset` of `file` does not fit its checksum.
void moult_pages_note_damage(const char *file, int64_t offset);

#endif
