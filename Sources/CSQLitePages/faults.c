#include "faults.h"

#include <stdatomic.h>
#include <stddef.h>

static _Atomic(moult_fault_hook) hook;

void moult_pages_set_fault_hook(moult_fault_hook wanted) { atomic_store(&hook, wanted); }

bool moult_faults_wanted(void) { return atomic_load_explicit(&hook, memory_order_relaxed) != NULL; }

moult_fault moult_fault_at(const char *file, bool is_write) {
  const moult_fault_hook asked = atomic_load_explicit(&hook, memory_order_relaxed);
  return asked ? asked(file, is_write) : MOULT_FAULT_NONE;
}

int moult_faulty_write(
  const char *name, sqlite3_file *below, const void *bytes, int count, sqlite3_int64 offset) {
  switch (moult_fault_at(name, true)) {
  case MOULT_FAULT_FULL: return SQLITE_FULL;
  case MOULT_FAULT_BROKEN: return SQLITE_IOERR_WRITE;
  case MOULT_FAULT_LOST: return SQLITE_OK;
  case MOULT_FAULT_TORN:
    // What SQLite's own VFS says when a write came short and the rest of it failed.
    (void)!below->pMethods->xWrite(below, bytes, count / 2, offset);
    return SQLITE_FULL;
  case MOULT_FAULT_NONE: break;
  }
  return below->pMethods->xWrite(below, bytes, count, offset);
}
