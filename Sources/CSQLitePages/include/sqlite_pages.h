#ifndef SQLITE_PAGES_H
#define SQLITE_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Checksums for the pages of a SQLite database, made and compared where SQLite reads and writes its files.
///
/// The VFS `moult-pages` lies over the default one. Pages of a database have 4 096 bytes, of which SQLite leaves the
/// last eight alone (its "reserved bytes"); there the VFS writes a checksum of the others and of the page's number,
/// so that a page at the wrong place is found too. Frames of the write-ahead log have checksums of SQLite's own,
/// which it compares only after a crash; the VFS compares them at every read. Journals and temporary files are passed
/// on untouched, and files are never mapped, since SQLite would read past the comparison.
///
/// A torn end of the log is what a crash leaves, so a damaged one could pass for it, and what was committed last
/// would be gone without a word. So after each sync of a commit the VFS notes in a file beside the database, ending
/// in `-mark`, how far the log reaches. The note is not synced: it may lag behind the log, never run ahead. It is
/// taken back, and that is synced, before the log is emptied or written over. 32 bytes:
///
/// ```
///  0  the log's salts, as in its header (8 bytes)
///  8  the checksum of the last frame, as in its header (8 bytes)
/// 16  the number of frames up to and with that commit (little-endian, 8 bytes)
/// 24  moult_page_checksum of the above, as number 0 (little-endian, 8 bytes)
/// ```
///
/// A page that does not fit its checksum is SQLITE_IOERR_DATA, and its place can be asked for. With `compare=0` in
/// the file's URI checksums are written and not compared: for tests that must see what would happen.

#define MOULT_PAGES_VFS "moult-pages"
#define MOULT_PAGE_SIZE 4096
#define MOULT_PAGE_RESERVED 8
#define MOULT_LOG_HEADER_SIZE 32
#define MOULT_LOG_MARK_SIZE 32
#define MOULT_LOG_MARK_SUFFIX "-mark"
#define MOULT_LOG_FRAME_HEADER_SIZE 24

/// Makes the VFS known to SQLite. Any number of calls from any thread.
///
/// Returns SQLite's result code; 0 is success.
int moult_pages_register(void);

/// Asks SQLite to leave room for checksums in the pages of a database that is still empty.
///
/// connection  a `sqlite3 *`.
/// Returns SQLite's result code: SQLITE_MISUSE when the connection's main database is not behind this VFS.
int moult_pages_reserve(void *connection);

/// The same for what VACUUM INTO will write, whatever VFS the connection itself uses.
///
/// bytes  to leave at the end of each page: MOULT_PAGE_RESERVED, or 0 for a database without checksums.
int moult_pages_reserve_in_copy(void *connection, int bytes);

/// Reads a page of the main file as it lies there, past SQLite's cache and log and without comparing.
///
/// connection  a `sqlite3 *` that nobody else uses meanwhile. (A file of one's own would not do: closing it would give
///             up the locks that SQLite holds on the same file.)
/// number      of the page, from 1.
/// page        gets MOULT_PAGE_SIZE bytes.
/// Returns SQLite's result code.
int moult_pages_read(void *connection, uint32_t number, uint8_t *page);

/// The checksum of a page: 64 bits, by multiplications and rotations in four lanes.
///
/// Every step can be undone, so a change within any eight aligned bytes always changes the result; other damage goes
/// unnoticed with a probability of about 2⁻⁶⁴. Part of the file format: changing it makes existing databases
/// unreadable.
///
/// page    `size` bytes, without the checksum; a multiple of 8.
/// number  of the page, from 1.
uint64_t moult_page_checksum(const uint8_t *page, size_t size, uint32_t number);

/// Whether a page of MOULT_PAGE_SIZE bytes fits the checksum at its end.
bool moult_page_is_sound(const uint8_t *page, uint32_t number);

/// Carries on the checksum of a write-ahead log (https://www.sqlite.org/fileformat2.html#checksum_algorithm).
///
/// bytes      `size` bytes, a multiple of 8.
/// bigEndian  the order in which words are read, which the log's header tells.
/// sums       the two sums so far; changed.
void moult_log_checksum(const uint8_t *bytes, size_t size, bool bigEndian, uint32_t sums[2]);

/// Where damage to a database or its log was met last.
///
/// database  path of the database, as given to SQLite or otherwise.
/// file      gets the path of the damaged file, cut to `fileSize` bytes with the NUL.
/// offset    gets the first byte of the page or frame.
/// Returns false when none was met, or it was forgotten: some hundred places are remembered.
bool moult_pages_last_damage(const char *database, char *file, size_t fileSize, int64_t *offset);

/// What becomes of a call that changes a file, on a disk that fails.
typedef enum {
  MOULT_FAULT_NONE,
  /// Nothing is done; there is no room.
  MOULT_FAULT_FULL,
  /// Nothing is done; the disk reports an error.
  MOULT_FAULT_BROKEN,
  /// The first half is written; then there is no room. Of writes only.
  MOULT_FAULT_TORN,
  /// Nothing is done, and success reported. Of writes only.
  MOULT_FAULT_LOST,
} moult_fault;

/// file      of SQLite, by the name under which it was opened: database, log, its mark (by the log's name), journal.
/// is_write  else it is cut, synced, removed, or the log's index grows.
typedef moult_fault (*moult_fault_hook)(const char *file, bool is_write);

/// Has a test decide how each call ends that changes one of SQLite's files. NULL, as it is outside of tests: as the
/// system says. Journals are asked about only when it is set before they are opened.
void moult_pages_set_fault_hook(moult_fault_hook hook);

#endif
