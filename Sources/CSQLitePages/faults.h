#ifndef FAULTS_H
#define FAULTS_H

#include "sqlite_pages.h"

#include <sqlite3.h>

/// Whether a hook is set.
bool moult_faults_wanted(void);

/// What becomes of a call on `file` that changes it.
moult_fault moult_fault_at(const char *file, bool is_write);

/// `xWrite` of the file below, or what the hook makes of it.
int moult_faulty_write(
  const char *name, sqlite3_file *below, const void *bytes, int count, sqlite3_int64 offset);

#endif
