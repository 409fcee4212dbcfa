#include "damage.h"
#include "faults.h"
#include "sqlite_pages.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
  page_size = MOULT_PAGE_SIZE,
  page_payload = MOULT_PAGE_SIZE - MOULT_PAGE_RESERVED,
  log_header = MOULT_LOG_HEADER_SIZE,
  frame_header = MOULT_LOG_FRAME_HEADER_SIZE,
  frame_size = MOULT_LOG_FRAME_HEADER_SIZE + MOULT_PAGE_SIZE,
  /// Of the database's header: how many bytes at the end of each page are reserved.
  reserved_place = 20,
  /// A file control of ours: whether the file is behind this VFS.
  is_ours = 0x6d6f756c,
  /// Another: the file below, for a `sqlite3_file **`.
  give_below = 0x6d6f756d,
  log_suffix_length = sizeof "-wal" - 1,
};

/// No frame, or none any more.
static const int64_t no_frame = INT64_MAX;

/// What SQLite sees as an open file; the one of the VFS below lies behind it.
typedef struct {
  sqlite3_file base;
  const char *name;
  bool compares;
  /// The database has no room for checksums: what we would write would go over its content.
  bool is_foreign;
  /// Of a log: the frame whose header was written last.
  int64_t header_written;
  /// Of a log: the first frame whose page was written over within its transaction; its header follows at the commit.
  int64_t rewritten_from;
  /// Of a log: the last frame written that ends a transaction, and its header; -1 for none.
  int64_t commit_frame;
  uint8_t commit_header[frame_header];
  /// Of a log: how many frames the mark may vouch for, and the mark's file; -1 as long as it is not open.
  int64_t marked_frames;
  int mark;
  uint8_t buffer[frame_size];
} pages_file;

/// Keeps the file below aligned.
enum { own_size = (sizeof(pages_file) + 15) / 16 * 16 };

static sqlite3_file *below(sqlite3_file *file) { return (sqlite3_file *)((char *)file + own_size); }

// MARK: The database

/// Pages are read and written whole; anything else is a look at the header.
static bool is_page(int count, sqlite3_int64 offset) { return count == page_size && offset % page_size == 0; }

static int read_page(sqlite3_file *file, void *bytes, int count, sqlite3_int64 offset) {
  pages_file *const self = (pages_file *)file;
  const int code = below(file)->pMethods->xRead(below(file), bytes, count, offset);
  if (code == SQLITE_OK && offset == 0 && count > reserved_place) {
    self->is_foreign = ((const uint8_t *)bytes)[reserved_place] != MOULT_PAGE_RESERVED;
  }
  if (!self->compares || !is_page(count, offset)) return code;
  if (code == SQLITE_IOERR_SHORT_READ) {
    // SQLite would go on with zeros, which is right only in a file that has nothing yet.
    sqlite3_int64 size = 0;
    if (below(file)->pMethods->xFileSize(below(file), &size) == SQLITE_OK && size == 0) return code;
  } else if (code != SQLITE_OK || moult_page_is_sound(bytes, (uint32_t)(offset / page_size + 1))) {
    return code;
  }
  moult_pages_note_damage(self->name, offset);
  return SQLITE_IOERR_DATA;
}

static int write_page(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset) {
  pages_file *const self = (pages_file *)file;
  if (!is_page(count, offset)) return SQLITE_IOERR_WRITE;
  if (offset == 0) self->is_foreign = ((const uint8_t *)bytes)[reserved_place] != MOULT_PAGE_RESERVED;
  if (self->is_foreign) return SQLITE_IOERR_WRITE;
  memcpy(self->buffer, bytes, page_payload);
  uint64_t sum = moult_page_checksum(self->buffer, page_payload, (uint32_t)(offset / page_size + 1));
  for (int i = page_payload; i < page_size; i++, sum >>= 8) self->buffer[i] = (uint8_t)sum;
  return moult_faulty_write(self->name, below(file), self->buffer, page_size, offset);
}

// MARK: The log

/// - Returns: the frame that begins at `offset`; -1 when none does.
static int64_t frame_at(sqlite3_int64 offset) {
  return offset >= log_header && (offset - log_header) % frame_size == 0 ? (offset - log_header) / frame_size : -1;
}

static uint32_t sum_at(const uint8_t *bytes) {
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/// Reads the page of a frame, and what its checksum was made from: the frame's header and the sums of the one before.
static int read_log(sqlite3_file *file, void *bytes, int count, sqlite3_int64 offset) {
  pages_file *const self = (pages_file *)file;
  const sqlite3_io_methods *const methods = below(file)->pMethods;
  const int64_t frame = count == page_size ? frame_at(offset - frame_header) : -1;
  if (!self->compares || frame < 0 || frame >= self->rewritten_from) {
    return methods->xRead(below(file), bytes, count, offset);
  }
  const sqlite3_int64 start = offset - frame_header;
  uint8_t before[8];
  // The sums end the log's header, and stand in the same place of a frame's.
  int code = methods->xRead(below(file), before, sizeof before, start - (frame == 0 ? 8 : frame_size - 16));
  if (code == SQLITE_OK) code = methods->xRead(below(file), self->buffer, frame_size, start);
  if (code == SQLITE_OK) {
    uint32_t sums[2] = {sum_at(before), sum_at(before + 4)};
    // Frames that are read here were written by this machine: what another had left was taken over at the opening.
    moult_log_checksum(self->buffer, 8, false, sums);
    moult_log_checksum(self->buffer + frame_header, page_size, false, sums);
    if (sums[0] == sum_at(self->buffer + 16) && sums[1] == sum_at(self->buffer + 20)) {
      memcpy(bytes, self->buffer + frame_header, page_size);
      return SQLITE_OK;
    }
  } else if (code != SQLITE_IOERR_SHORT_READ) {
    return code;
  }
  moult_pages_note_damage(self->name, start);
  return SQLITE_IOERR_DATA;
}

/// Opens the mark beside the database of a log.
///
/// - Returns: a descriptor, or -1. Without a mark the log is as good as SQLite's own.
static int open_mark(const char *log, int flags) {
  // The log's name is the database's with "-wal" behind it.
  const size_t length = strlen(log) < log_suffix_length ? 0 : strlen(log) - log_suffix_length;
  char *const name = malloc(length + sizeof MOULT_LOG_MARK_SUFFIX);
  if (!name) return -1;
  memcpy(name, log, length);
  memcpy(name + length, MOULT_LOG_MARK_SUFFIX, sizeof MOULT_LOG_MARK_SUFFIX);
  const int mark = open(name, O_WRONLY | O_CLOEXEC | flags, 0644);
  free(name);
  return mark;
}

/// Takes the mark back, and waits until that is on the disk: a mark must never vouch for what is being overwritten.
///
/// - Returns: a result code of SQLite.
static int clear_mark(int mark, const char *log) {
  static const uint8_t nothing[MOULT_LOG_MARK_SIZE];
  if (moult_fault_at(log, false) != MOULT_FAULT_NONE) return SQLITE_IOERR_WRITE;
  if (pwrite(mark, nothing, sizeof nothing, 0) != (ssize_t)sizeof nothing || fdatasync(mark) != 0) {
    return SQLITE_IOERR_WRITE;
  }
  return SQLITE_OK;
}

/// Before frames from `frame` on are written over, or all of them dropped.
static int withdraw_mark(pages_file *self, int64_t frame) {
  if (frame >= self->marked_frames) return SQLITE_OK;
  if (self->mark < 0) self->mark = open_mark(self->name, O_CREAT);
  // There may be one that only cannot be opened now.
  if (self->mark < 0) return SQLITE_IOERR_WRITE;
  const int code = clear_mark(self->mark, self->name);
  if (code == SQLITE_OK) self->marked_frames = 0;
  return code;
}

/// After a commit was synced. The disk may have it when it likes.
static void set_mark(pages_file *self) {
  if (self->commit_frame < 0 || self->commit_frame + 1 == self->marked_frames) return;
  if (self->mark < 0) self->mark = open_mark(self->name, O_CREAT);
  if (self->mark < 0) return;
  uint8_t bytes[MOULT_LOG_MARK_SIZE];
  memcpy(bytes, self->commit_header + 8, 16);
  self->marked_frames = self->commit_frame + 1;
  for (int i = 0; i < 8; i++) bytes[16 + i] = (uint8_t)((uint64_t)self->marked_frames >> (8 * i));
  const uint64_t sum = moult_page_checksum(bytes, 24, 0);
  for (int i = 0; i < 8; i++) bytes[24 + i] = (uint8_t)(sum >> (8 * i));
  if (moult_fault_at(self->name, false) != MOULT_FAULT_NONE) return;
  // Half a mark is none.
  (void)!pwrite(self->mark, bytes, sizeof bytes, 0);
}

/// Syncs, unless a test wants it to fail.
static int sync_below(sqlite3_file *file, int flags) {
  if (moult_fault_at(((pages_file *)file)->name, false) != MOULT_FAULT_NONE) return SQLITE_IOERR_FSYNC;
  return below(file)->pMethods->xSync(below(file), flags);
}

/// Cuts off, unless a test wants it to fail.
static int truncate_below(sqlite3_file *file, sqlite3_int64 size) {
  if (moult_fault_at(((pages_file *)file)->name, false) != MOULT_FAULT_NONE) return SQLITE_IOERR_TRUNCATE;
  return below(file)->pMethods->xTruncate(below(file), size);
}

static int sync_log(sqlite3_file *file, int flags) {
  const int code = sync_below(file, flags);
  if (code == SQLITE_OK) set_mark((pages_file *)file);
  return code;
}

static int truncate_log(sqlite3_file *file, sqlite3_int64 size) {
  if (size < log_header) {
    const int code = withdraw_mark((pages_file *)file, -1);
    if (code != SQLITE_OK) return code;
  }
  return truncate_below(file, size);
}

static int close_log(sqlite3_file *file) {
  pages_file *const self = (pages_file *)file;
  if (self->mark >= 0) close(self->mark);
  self->mark = -1;
  return below(file)->pMethods->xClose(below(file));
}

/// Writes; and keeps account of the frames whose checksums are still to come.
///
/// A frame's header is written just before its page. Where a page comes alone, SQLite writes over a page of the
/// transaction that is being made; it makes that frame's checksum, and those of all that follow, anew when the
/// transaction commits.
static int write_log(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset) {
  pages_file *const self = (pages_file *)file;
  if (offset == 0) {
    // A new generation of the log, with other salts: the mark does not speak of it.
    self->rewritten_from = no_frame;
    self->commit_frame = -1;
    self->marked_frames = 0;
  }
  if (count == frame_header && frame_at(offset) >= 0) {
    self->header_written = frame_at(offset);
    if (sum_at((const uint8_t *)bytes + 4) != 0) {
      self->commit_frame = self->header_written;
      memcpy(self->commit_header, bytes, frame_header);
    } else if (self->header_written <= self->commit_frame) {
      self->commit_frame = -1;
    }
    const int code = withdraw_mark(self, self->header_written);
    if (code != SQLITE_OK) return code;
    // What lies behind is made anew frame by frame, or written over.
    if (self->rewritten_from != no_frame && self->header_written <= self->rewritten_from) {
      self->rewritten_from = self->header_written + 1;
    }
  } else if (count == page_size && frame_at(offset - frame_header) >= 0) {
    const int64_t frame = frame_at(offset - frame_header);
    if (frame != self->header_written && frame < self->rewritten_from) self->rewritten_from = frame;
    self->header_written = -1;
  }
  return moult_faulty_write(self->name, below(file), bytes, count, offset);
}

// MARK: What all pass on

static int read_file(sqlite3_file *file, void *bytes, int count, sqlite3_int64 offset) {
  return below(file)->pMethods->xRead(below(file), bytes, count, offset);
}

static int write_file(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset) {
  return moult_faulty_write(((pages_file *)file)->name, below(file), bytes, count, offset);
}

static int close_file(sqlite3_file *file) { return below(file)->pMethods->xClose(below(file)); }

static int file_size(sqlite3_file *file, sqlite3_int64 *size) {
  return below(file)->pMethods->xFileSize(below(file), size);
}

static int lock_file(sqlite3_file *file, int level) { return below(file)->pMethods->xLock(below(file), level); }

static int unlock_file(sqlite3_file *file, int level) { return below(file)->pMethods->xUnlock(below(file), level); }

static int check_reserved_lock(sqlite3_file *file, int *result) {
  return below(file)->pMethods->xCheckReservedLock(below(file), result);
}

static int file_control(sqlite3_file *file, int operation, void *argument) {
  if (operation == is_ours) return SQLITE_OK;
  if (operation == give_below) {
    *(sqlite3_file **)argument = below(file);
    return SQLITE_OK;
  }
  return below(file)->pMethods->xFileControl(below(file), operation, argument);
}

static int sector_size(sqlite3_file *file) { return below(file)->pMethods->xSectorSize(below(file)); }

static int device_characteristics(sqlite3_file *file) {
  return below(file)->pMethods->xDeviceCharacteristics(below(file));
}

static int shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **memory) {
  if (extend && moult_fault_at(((pages_file *)file)->name, false) != MOULT_FAULT_NONE) return SQLITE_IOERR_SHMSIZE;
  return below(file)->pMethods->xShmMap(below(file), region, size, extend, memory);
}

static int shm_lock(sqlite3_file *file, int offset, int count, int flags) {
  return below(file)->pMethods->xShmLock(below(file), offset, count, flags);
}

static void shm_barrier(sqlite3_file *file) { below(file)->pMethods->xShmBarrier(below(file)); }

static int shm_unmap(sqlite3_file *file, int delete) {
  return below(file)->pMethods->xShmUnmap(below(file), delete);
}

// Version 2 has no xFetch: SQLite then never maps the file.
#define METHODS(close, read, write, truncate, sync)                                                           \
  {                                                                                                           \
    .iVersion = 2, .xClose = close, .xRead = read, .xWrite = write, .xTruncate = truncate, .xSync = sync,     \
    .xFileSize = file_size, .xLock = lock_file, .xUnlock = unlock_file,                                       \
    .xCheckReservedLock = check_reserved_lock, .xFileControl = file_control, .xSectorSize = sector_size,      \
    .xDeviceCharacteristics = device_characteristics, .xShmMap = shm_map, .xShmLock = shm_lock,               \
    .xShmBarrier = shm_barrier, .xShmUnmap = shm_unmap                                                        \
  }

static const sqlite3_io_methods database_methods =
  METHODS(close_file, read_page, write_page, truncate_below, sync_below);
static const sqlite3_io_methods log_methods = METHODS(close_log, read_log, write_log, truncate_log, sync_log);
/// Behind this VFS only where a test wants faults.
static const sqlite3_io_methods journal_methods =
  METHODS(close_file, read_file, write_file, truncate_below, sync_below);

// MARK: The VFS

static sqlite3_vfs *default_vfs(sqlite3_vfs *vfs) { return vfs->pAppData; }

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *flags_out) {
  sqlite3_vfs *const base = default_vfs(vfs);
  const bool is_log = flags & SQLITE_OPEN_WAL;
  const bool is_journal = flags & SQLITE_OPEN_MAIN_JOURNAL && moult_faults_wanted();
  if (!name || !(is_log || is_journal || flags & SQLITE_OPEN_MAIN_DB)) {
    return base->xOpen(base, name, file, flags, flags_out);
  }
  pages_file *const self = (pages_file *)file;
  memset(self, 0, own_size);
  const int code = base->xOpen(base, name, below(file), flags, flags_out);
  // A file that could not be opened has no methods, and SQLite does not close it.
  if (!below(file)->pMethods) return code;
  self->base.pMethods = is_log ? &log_methods : is_journal ? &journal_methods : &database_methods;
  self->name = name;
  self->compares = sqlite3_uri_boolean(sqlite3_filename_database(name), "compare", 1);
  self->header_written = -1;
  self->rewritten_from = no_frame;
  self->commit_frame = -1;
  // What a mark of earlier times vouches for is not known: the first frame takes it back.
  self->marked_frames = no_frame;
  self->mark = -1;
  return code;
}

static int delete_file(sqlite3_vfs *vfs, const char *name, int sync_directory) {
  const size_t length = strlen(name);
  if (length > log_suffix_length && strcmp(name + length - log_suffix_length, "-wal") == 0) {
    const int mark = open_mark(name, 0);
    const int code = mark >= 0 ? clear_mark(mark, name) : errno == ENOENT ? SQLITE_OK : SQLITE_IOERR_DELETE;
    if (mark >= 0) close(mark);
    if (code != SQLITE_OK) return code;
  }
  if (moult_fault_at(name, false) != MOULT_FAULT_NONE) return SQLITE_IOERR_DELETE;
  return default_vfs(vfs)->xDelete(default_vfs(vfs), name, sync_directory);
}

static int access_file(sqlite3_vfs *vfs, const char *name, int flags, int *result) {
  return default_vfs(vfs)->xAccess(default_vfs(vfs), name, flags, result);
}

static int full_path(sqlite3_vfs *vfs, const char *name, int size, char *full) {
  return default_vfs(vfs)->xFullPathname(default_vfs(vfs), name, size, full);
}

static int randomness(sqlite3_vfs *vfs, int count, char *bytes) {
  return default_vfs(vfs)->xRandomness(default_vfs(vfs), count, bytes);
}

static int sleep_for(sqlite3_vfs *vfs, int microseconds) {
  return default_vfs(vfs)->xSleep(default_vfs(vfs), microseconds);
}

static int current_time(sqlite3_vfs *vfs, double *days) {
  return default_vfs(vfs)->xCurrentTime(default_vfs(vfs), days);
}

static int last_error(sqlite3_vfs *vfs, int size, char *text) {
  return default_vfs(vfs)->xGetLastError(default_vfs(vfs), size, text);
}

static int registered_code;

static void register_vfs(void) {
  static sqlite3_vfs vfs = {
    .iVersion = 1, .zName = MOULT_PAGES_VFS, .xOpen = open_file, .xDelete = delete_file, .xAccess = access_file,
    .xFullPathname = full_path, .xRandomness = randomness, .xSleep = sleep_for, .xCurrentTime = current_time,
    .xGetLastError = last_error,
  };
  // The name of the VFS is given in the file's URI. Debian's SQLite reads URIs; one that was built otherwise can be
  // told to until it is first used.
  if (!sqlite3_compileoption_used("USE_URI")) sqlite3_config(SQLITE_CONFIG_URI, 1);
  registered_code = sqlite3_initialize();
  if (registered_code != SQLITE_OK) return;
  sqlite3_vfs *const base = sqlite3_vfs_find(NULL);
  if (!base) {
    registered_code = SQLITE_ERROR;
    return;
  }
  vfs.pAppData = base;
  vfs.szOsFile = own_size + base->szOsFile;
  vfs.mxPathname = base->mxPathname;
  registered_code = sqlite3_vfs_register(&vfs, 0);
}

int moult_pages_register(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, register_vfs);
  return registered_code;
}

int moult_pages_reserve(void *connection) {
  if (sqlite3_file_control(connection, "main", is_ours, NULL) != SQLITE_OK) return SQLITE_MISUSE;
  return moult_pages_reserve_in_copy(connection, MOULT_PAGE_RESERVED);
}

int moult_pages_reserve_in_copy(void *connection, int bytes) {
  return sqlite3_file_control(connection, "main", SQLITE_FCNTL_RESERVE_BYTES, &bytes);
}

int moult_pages_read(void *connection, uint32_t number, uint8_t *page) {
  sqlite3_file *file = NULL;
  if (sqlite3_file_control(connection, "main", give_below, &file) != SQLITE_OK || number == 0) return SQLITE_MISUSE;
  return file->pMethods->xRead(file, page, page_size, (sqlite3_int64)(number - 1) * page_size);
}
