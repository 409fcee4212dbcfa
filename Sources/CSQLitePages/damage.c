#include "damage.h"

#include "sqlite_pages.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// SQLite's result codes have no room for a place, and the error is made far from here: so places are kept aside.

enum { places_max = 256 };

static struct {
  char *file;
  int64_t offset;
} places[places_max];
static unsigned places_noted;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void moult_pages_note_damage(const char *file, int64_t offset) {
  char *copy = strdup(file ? file : "");
  if (!copy) return;
  pthread_mutex_lock(&lock);
  const unsigned place = places_noted++ % places_max;
  free(places[place].file);
  places[place].file = copy;
  places[place].offset = offset;
  pthread_mutex_unlock(&lock);
}

static bool belongs(const char *file, const char *database) {
  const size_t length = strlen(database);
  return strncmp(file, database, length) == 0 && (file[length] == 0 || strcmp(file + length, "-wal") == 0);
}

bool moult_pages_last_damage(const char *database, char *file, size_t fileSize, int64_t *offset) {
  // SQLite opens files by their full names, without symbolic links.
  char *full = realpath(database, NULL);
  if (full) database = full;
  bool found = false;
  pthread_mutex_lock(&lock);
  for (unsigned back = 1; back <= places_max && back <= places_noted && !found; back++) {
    const unsigned place = (places_noted - back) % places_max;
    if (!belongs(places[place].file, database)) continue;
    found = true;
    snprintf(file, fileSize, "%s", places[place].file);
    *offset = places[place].offset;
  }
  pthread_mutex_unlock(&lock);
  free(full);
  return found;
}
