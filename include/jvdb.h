/**
 * @file jvdb.h
 * jvdb: embedded, crash-safe storage for vectors. One log-structured .jvdb file per database.
 *
 * Generated from the Rust crate in ffi/; do not edit.
 *
 * These conventions hold for every call.
 *
 * Status. Calls return 0 (JVDB_OK) when done, a positive status for an answer that is no error (JVDB_ABSENT), and a
 * negative one for an error (JVDB_ERROR_*). A code keeps its meaning for ever and is never given to anything else; later
 * versions add codes, so treat an unknown negative one as an error. Answers come through out-parameters, which are written
 * only with JVDB_OK unless the call says otherwise; a handle's out-parameter is set to NULL by a call that fails. A call
 * that fails has changed nothing.
 *
 * Errors. The last parameter of every call that can fail is `jvdb_error_t **error`. It may be NULL: the status alone
 * costs nothing. Otherwise it is written by every call, with NULL or with an error object, which tells what happened,
 * to which database and file, at which offset, and what to do. The caller frees it with jvdb_error_free(). What it
 * pointed to before is not read, so free an error before its pointer is used again.
 *
 * Ownership. What comes through an out-parameter is the caller's and goes back to the call named for it, once: storage
 * to jvdb_close(), database to jvdb_database_release(), cursor to jvdb_cursor_close(), vector to jvdb_vector_release(),
 * names to jvdb_names_free(), findings to jvdb_findings_free(), error to jvdb_error_free(). All of these ignore NULL. What
 * is passed in stays the caller's and is read during the call only.
 *
 * Pointers. Every pointer is checked for NULL where NULL has no meaning, and every array for alignment and a length
 * that memory can hold: otherwise the call fails with JVDB_ERROR_INVALID_ARGUMENT. `const` means that nothing behind
 * the pointer changes. Strings are UTF-8 and end with NUL; a path is the bytes the operating system knows. Pointers
 * into a pinned vector live until it is released, pointers into an error, names or findings until that is freed, bytes of
 * a cursor's key until its next call, and what a callback is given until it returns.
 *
 * Callbacks return in the ordinary way, without an exception or a longjmp through this library, and are called with the
 * pointer that came with them. Each says which calls may be made within it.
 *
 * Types. All numbers have a fixed width, or are size_t where they count something in memory. There are no enums: codes,
 * kinds and levels are integers with macros. Structs have no hidden padding.
 *
 * Structs with `struct_size` must have it set to their sizeof. Zero in any other field means the default, so begin
 * with zeros: `jvdb_options_t options = { .struct_size = sizeof options };`. Later versions add fields at the end only;
 * an older library refuses a newer field that is not zero, and fills with zeros what it does not know of a struct that it
 * writes. Not a byte beyond struct_size is touched. jvdb_abi_version() tells which version runs.
 *
 * Threads. Every call may run on any thread, and any number of them at once on the same storage and database. The
 * exceptions: a handle is given back when no other call uses it, and one thread at a time uses a cursor. Nothing is
 * bound to the thread that made it. Readers do not wait for the disk while others flush.
 *
 * Durability. When a writing call returns, its effect survives the death of the process at any instruction. When a
 * flush returns, everything acknowledged before it survives a loss of power. Until then a loss of power leaves a prefix
 * of the acknowledged operations; a batch is all or nothing. The first write to a database since its directory was
 * opened waits for the disk once, unless it was made since: so nothing which an earlier loss of power took comes back.
 * Flushes also run every flush_interval_ms and at jvdb_close().
 *
 * Processes. One process at a time has a directory open for writing; others may read with JVDB_READ_ONLY. After fork()
 * the handles are the parent's alone: in the child calls on them fail with JVDB_ERROR_FORKED and wait for nothing, and
 * releasing or closing them there changes nothing for the parent. Vectors that were pinned before stay readable. The child
 * may open anew, and has no threads of the library. A storage in memory is its own copy there, if no other thread was in a
 * call on it when the process was forked. exec closes all files. Back up with jvdb_backup(), or copy a .jvdb file while nobody
 * writes; changing one from outside is not foreseen, and cutting one short while it is in use ends the process that reads
 * it with SIGBUS, as with every mapped file.
 *
 * Signals. The library installs no handlers and changes no mask, and goes on when a signal interrupts a system call. No
 * call is safe within a signal handler: set a flag there, and call from a thread.
 *
 * Defects. A panic inside the library is caught at its edge: the call returns JVDB_ERROR_PANIC, and so does every later
 * call on the same handle. Nothing is unwound into the caller, and other handles go on.
 *
 * Memory. Where a call or a file decides how much is asked for, and there is not as much, the call fails with
 * JVDB_ERROR_IO and has changed nothing. A few bytes that are not to be had end the process, as they do in most of Rust.
 *
 * Linking. The SONAME is libjvdb.so.MAJOR and changes only when a program that was compiled before would break. Each
 * symbol has the version with which it came, so that a program is refused, when it is loaded, by a library that lacks a
 * call it makes.
 */
#ifndef JVDB_H
#define JVDB_H


#include <stddef.h>
#include <stdint.h>

/**
 * Version of the library this header belongs to: the first number. Another one may be incompatible.
 */
#define JVDB_VERSION_MAJOR 0

/**
 * Version of the library this header belongs to: the second number.
 */
#define JVDB_VERSION_MINOR 1

/**
 * Version of the library this header belongs to: the third number.
 */
#define JVDB_VERSION_PATCH 0

/**
 * Version of the calls and structs in this header. It grows by one whenever something is added. A program runs with
 * every library of the same SONAME whose jvdb_abi_version() is at least this.
 */
#define JVDB_ABI_VERSION 4

/**
 * Done.
 */
#define JVDB_OK 0

/**
 * Nothing is there: no vector of this key, no attribute or database of this name, no further key. An answer and not an
 * error: no error object is made for it.
 */
#define JVDB_ABSENT 1

/**
 * An argument is NULL where it must not be, or outside its documented range.
 */
#define JVDB_ERROR_INVALID_ARGUMENT -1

/**
 * No database of this name exists.
 */
#define JVDB_ERROR_NOT_FOUND -2

/**
 * A database of this name exists already.
 */
#define JVDB_ERROR_ALREADY_EXISTS -3

/**
 * jvdb_replace() found no vector of this key.
 */
#define JVDB_ERROR_KEY_NOT_FOUND -4

/**
 * jvdb_insert() found a vector of this key.
 */
#define JVDB_ERROR_KEY_EXISTS -5

/**
 * The number of elements is not the dimension of the database.
 */
#define JVDB_ERROR_DIMENSION_MISMATCH -6

/**
 * The caller's buffer is too small. The length needed was reported and nothing was copied.
 */
#define JVDB_ERROR_BUFFER_TOO_SMALL -7

/**
 * The operating system refused: see jvdb_error_os_errno(). The call may be repeated once the cause is gone.
 */
#define JVDB_ERROR_IO -8

/**
 * The disk or the quota is full. Nothing was acknowledged; free space and repeat the call.
 */
#define JVDB_ERROR_NO_SPACE -9

/**
 * A file is foreign, truncated or damaged. It was not changed.
 */
#define JVDB_ERROR_CORRUPT -10

/**
 * A file carries a format version that this build does not read.
 */
#define JVDB_ERROR_UNSUPPORTED_VERSION -11

/**
 * Another opening of the directory has it for writing; the message names who.
 */
#define JVDB_ERROR_LOCKED -12

/**
 * A write was asked of a directory opened with JVDB_READ_ONLY.
 */
#define JVDB_ERROR_READ_ONLY -13

/**
 * An earlier sync failed: reads go on, writes do not. Close and open the directory to recover.
 */
#define JVDB_ERROR_POISONED -14

/**
 * All max_open_files databases are held by handles. Release one.
 */
#define JVDB_ERROR_ALL_PINNED -15

/**
 * The database was dropped while this handle was held.
 */
#define JVDB_ERROR_DROPPED -16

/**
 * A defect of this library, caught at its edge. The handle answers nothing else from now on; release or close it.
 */
#define JVDB_ERROR_PANIC -17

/**
 * An error this table has no code for yet; the message tells.
 */
#define JVDB_ERROR_INTERNAL -18

/**
 * The directory was opened before this process was forked: only the process that opened it can use its handles. To
 * release or close them here changes nothing there.
 */
#define JVDB_ERROR_FORKED -20

/**
 * Another process writes to the file, although it should have been kept out. Nothing of what it wrote was overwritten. Reads
 * of what it has not changed go on; find it, keep it out, and open the directory again.
 */
#define JVDB_ERROR_FENCED -21

/**
 * The file was removed or replaced while it was open: what was written since the last flush is in no file that has its name.
 */
#define JVDB_ERROR_REMOVED -22

/**
 * Log level: nothing.
 */
#define JVDB_LOG_OFF 0

/**
 * Log level: what went wrong and has no call to be reported by, such as a flush in the background.
 */
#define JVDB_LOG_ERROR 1

/**
 * Log level: what somebody should look at.
 */
#define JVDB_LOG_WARN 2

/**
 * Log level: flushes, compactions, backups, with their figures.
 */
#define JVDB_LOG_INFO 3

/**
 * Log level: openings and closings of files.
 */
#define JVDB_LOG_DEBUG 4

/**
 * Log level: everything.
 */
#define JVDB_LOG_TRACE 5

/**
 * Flag of jvdb_options_t: take no lock and change nothing; writes fail with JVDB_ERROR_READ_ONLY.
 */
#define JVDB_READ_ONLY 1

/**
 * Flag of jvdb_options_t: fail if the directory is missing, instead of creating it.
 */
#define JVDB_NO_CREATE 2

/**
 * Flag of jvdb_options_t: read files by positional reads instead of a memory mapping. Every read is then a copy and
 * a system call, and no address space is used. The files are the same.
 */
#define JVDB_NO_MMAP 4

/**
 * Flag of jvdb_options_t: check the checksum of the whole record at every read, not only of its header.
 */
#define JVDB_VERIFY_CHECKSUMS 8

/**
 * Flag of jvdb_options_t: each database has a folder of its own, `<name>/vectors.jvdb` instead of `<name>.jvdb`. What
 * else lies in a folder is left alone.
 */
#define JVDB_FOLDERS 16

/**
 * Flag of jvdb_options_t: take no lock, for file systems that have none. The caller sees to it that one process writes; a second
 * one is found by the fence (JVDB_ERROR_FENCED).
 */
#define JVDB_NO_LOCK 32

/**
 * For the times of jvdb_options_t: never, or not at all.
 */
#define JVDB_OFF -1

/**
 * Metric of a database: cosine distance.
 */
#define JVDB_METRIC_COSINE 0

/**
 * Metric of a database: Euclidean (L2) distance.
 */
#define JVDB_METRIC_EUCLIDEAN 1

/**
 * Metric of a database: inner product.
 */
#define JVDB_METRIC_DOT_PRODUCT 2

/**
 * Advice: here and there, as every file begins. Through a mapping nothing is read ahead, and cursors and visits ask by
 * themselves for what comes; without one (JVDB_NO_MMAP) the kernel sees for itself how the file is read.
 */
#define JVDB_ADVICE_RANDOM 0

/**
 * Advice: from the start to the end. Much is read ahead, and what was passed may go.
 */
#define JVDB_ADVICE_SEQUENTIAL 1

/**
 * Advice: soon, and all of it. The kernel is asked to read it into the page cache, which goes on when the call has
 * returned; of a large file most is read by then. It pays where there is room for all of it.
 */
#define JVDB_ADVICE_WILL_NEED 2

/**
 * Advice: not soon. The mapping gives the memory back that counts as this process's. What is in the page cache stays
 * there until the kernel needs the room. Without a mapping nothing is to be given back.
 */
#define JVDB_ADVICE_DONT_NEED 3

/**
 * Kind of finding: the place at `offset` is damaged.
 */
#define JVDB_FINDING_DAMAGE 1

/**
 * Kind of finding: the vector of `key` is gone, because its newest version is damaged.
 */
#define JVDB_FINDING_LOST_VECTOR 2

/**
 * Kind of finding: an attribute is gone; `key` holds its name.
 */
#define JVDB_FINDING_LOST_ATTRIBUTE 3

/**
 * Kind of finding: between `offset` and `end` records were lost whose names could not be read.
 */
#define JVDB_FINDING_GAP 4

/**
 * Kind of finding: the vector of `key` is there, but may be older than the last one stored.
 */
#define JVDB_FINDING_DOUBTFUL_VECTOR 5

/**
 * Kind of finding: an attribute is there, but may be older than the last one set; `key` holds its name.
 */
#define JVDB_FINDING_DOUBTFUL_ATTRIBUTE 6

/**
 * Goes over the keys or vectors of a database, from a position on. It pins the database. One thread at a time may use it.
 */
typedef struct jvdb_cursor_t jvdb_cursor_t;

/**
 * One database, open and pinned. Every call but jvdb_database_release() may run on any thread, any number at once.
 */
typedef struct jvdb_database_t jvdb_database_t;

/**
 * Why a call failed: a code, a message, and where it happened. Immutable; readable from any thread until it is freed.
 */
typedef struct jvdb_error_t jvdb_error_t;

/**
 * What was found, in order of kind and place. Immutable; readable from any thread until it is freed.
 */
typedef struct jvdb_findings_t jvdb_findings_t;

/**
 * A sorted list of names. Immutable; readable from any thread until it is freed.
 */
typedef struct jvdb_names_t jvdb_names_t;

/**
 * A directory of databases, open. Every call but jvdb_close() may run on any thread, any number at once.
 */
typedef struct jvdb_storage_t jvdb_storage_t;

/**
 * What a call came to: zero done, positive an answer that is no error, negative an error.
 */
typedef int32_t jvdb_status_t;

/**
 * Takes one event: the pointer given to jvdb_set_log(), a JVDB_LOG_* level, and one line of UTF-8 that lives during the
 * call. It is called from any thread, several at once, in the middle of calls of this library: it must return soon, in
 * the ordinary way (no exception, no longjmp), and make no call of this library.
 */
typedef void (*jvdb_log_callback_t)(void *user, int32_t level, const char *message);

/**
 * How a directory is opened. Zero in any field means its default, so `{ .struct_size = sizeof(jvdb_options_t) }` is
 * the same as no options at all.
 */
typedef struct jvdb_options_t {
    /**
     * sizeof(jvdb_options_t), as the program was compiled.
     */
    size_t struct_size;
    /**
     * JVDB_READ_ONLY, JVDB_NO_CREATE, JVDB_NO_MMAP, JVDB_VERIFY_CHECKSUMS, JVDB_FOLDERS, JVDB_NO_LOCK,
     * or'ed together.
     */
    uint64_t flags;
    /**
     * Databases whose file may be open at once, 5 to 1000. Default 100.
     */
    uint64_t max_open_files;
    /**
     * Milliseconds between automatic flushes, up to 3,600,000. Default 300,000; JVDB_OFF for none.
     */
    int64_t flush_interval_ms;
    /**
     * Milliseconds that opening a database waits while all open ones are held. Default 10,000; JVDB_OFF to fail at
     * once.
     */
    int64_t pin_timeout_ms;
    /**
     * Bytes of unflushed records per database at which a flush starts by itself. Default 64 MiB.
     */
    uint64_t max_unflushed_bytes;
    /**
     * Unflushed operations per database at which a flush starts by itself. Default 1,000,000.
     */
    uint64_t max_unflushed_operations;
} jvdb_options_t;

/**
 * An attribute for jvdb_create_with(): up to 16 MiB under a name of 1 to 512 bytes. It owns nothing.
 */
typedef struct jvdb_attribute_t {
    /**
     * The name, NUL-terminated.
     */
    const char *name;
    /**
     * The value; NULL if it has no bytes.
     */
    const void *value;
    /**
     * Bytes of the value.
     */
    size_t value_length;
} jvdb_attribute_t;

/**
 * State of a storage directory. Set struct_size, the rest is filled in.
 */
typedef struct jvdb_storage_stats_t {
    /**
     * sizeof(jvdb_storage_stats_t), as the program was compiled.
     */
    size_t struct_size;
    /**
     * Databases in the directory.
     */
    uint64_t databases;
    /**
     * Live vectors in all of them that can be read.
     */
    uint64_t vectors;
    /**
     * Bytes of all `.jvdb` files.
     */
    uint64_t bytes_on_disk;
    /**
     * Databases whose file is open now, at most max_open_files.
     */
    uint64_t open_files;
    /**
     * The limit the directory was opened with.
     */
    uint64_t max_open_files;
    /**
     * Databases closed to make room for others since the directory was opened.
     */
    uint64_t evictions;
    /**
     * Evictions within the last 60 seconds.
     */
    double evictions_per_minute;
    /**
     * Completed flushes since the directory was opened.
     */
    uint64_t flushes;
    /**
     * Microseconds the last completed flush took; where it was one of all databases, all of it.
     */
    uint64_t last_flush_us;
    /**
     * Microseconds the longest completed flush took.
     */
    uint64_t longest_flush_us;
    /**
     * Bytes of records that no completed flush covers yet.
     */
    uint64_t unflushed_bytes;
    /**
     * Databases whose files cannot be read, or are damaged: they count in `databases` and in nothing else. The log names
     * each, and opening it tells why.
     */
    uint64_t unreadable;
} jvdb_storage_stats_t;

/**
 * Key of a vector: a 64-bit integer, or 1 to 512 bytes of any value. The integer 7 and the byte '7' are two keys.
 * Make one with jvdb_key() or jvdb_key_bytes(). It owns nothing; the bytes are read during the call that takes it.
 */
typedef struct jvdb_key_t {
    /**
     * The bytes of a byte key; NULL in an integer key.
     */
    const void *bytes;
    /**
     * The integer of an integer key; the number of bytes of a byte key.
     */
    uint64_t number;
} jvdb_key_t;

/**
 * State of one database. Set struct_size, the rest is filled in.
 */
typedef struct jvdb_database_stats_t {
    /**
     * sizeof(jvdb_database_stats_t), as the program was compiled.
     */
    size_t struct_size;
    /**
     * Live vectors.
     */
    uint64_t vectors;
    /**
     * Length of the file in bytes.
     */
    uint64_t file_bytes;
    /**
     * Bytes in the file that hold nothing alive: replaced and deleted records, outgrown index tables.
     */
    uint64_t dead_bytes;
    /**
     * Bytes of records that no completed flush covers yet.
     */
    uint64_t unflushed_bytes;
    /**
     * Operations that no completed flush covers yet.
     */
    uint64_t unflushed_operations;
    /**
     * Buckets of the index table, 64 bytes each.
     */
    uint64_t index_buckets;
    /**
     * Completed flushes of this database since it was opened.
     */
    uint64_t flushes;
    /**
     * Microseconds the last completed flush took.
     */
    uint64_t last_flush_us;
    /**
     * Microseconds the longest completed flush took.
     */
    uint64_t longest_flush_us;
} jvdb_database_stats_t;

/**
 * A vector borrowed from its database. It stays valid and unchanged until jvdb_vector_release(), whatever happens to
 * the database meanwhile, jvdb_close() included. The struct may be moved but not released twice through copies of it.
 */
typedef struct jvdb_vector_t {
    /**
     * The elements, on a 64-byte boundary. NULL when nothing is pinned.
     */
    const float *elements;
    /**
     * Number of elements.
     */
    size_t dimension;
    /**
     * The metadata.
     */
    const void *metadata;
    /**
     * Bytes of metadata.
     */
    size_t metadata_length;
    /**
     * What keeps it valid. Private.
     */
    uint64_t pin[16];
} jvdb_vector_t;

/**
 * Rows to store or delete in one atomic step. Set either `ids` or `keys`, and either `matrix` or `rows`. Nothing is
 * copied before it is written, and all of it stays the caller's.
 */
typedef struct jvdb_batch_t {
    /**
     * sizeof(jvdb_batch_t), as the program was compiled.
     */
    size_t struct_size;
    /**
     * Number of rows.
     */
    size_t count;
    /**
     * Elements of each vector: the database's dimension.
     */
    size_t dimension;
    /**
     * `count` integer keys, or NULL.
     */
    const uint64_t *ids;
    /**
     * `count` keys of any kind, or NULL.
     */
    const struct jvdb_key_t *keys;
    /**
     * `count` rows of `dimension` elements, one behind the other, or NULL.
     */
    const float *matrix;
    /**
     * `count` pointers to `dimension` elements each, or NULL.
     */
    const float *const *rows;
    /**
     * `count` pointers to metadata, each of them NULL for none; NULL for no metadata at all.
     */
    const void *const *metadata;
    /**
     * `count` lengths of metadata in bytes; NULL if `metadata` is.
     */
    const size_t *metadata_lengths;
    /**
     * Elements from the beginning of one row of `matrix` to that of the next: 0 for `dimension`, otherwise at least that.
     */
    size_t row_stride;
    /**
     * `count` bytes: 1 for a row that deletes its key, 0 for one that stores its vector; NULL if all store. Of a row
     * that deletes nothing but the key is read, and if all do, neither `matrix` nor `rows` need be set.
     */
    const uint8_t *deletes;
} jvdb_batch_t;

/**
 * What a batch did. Set struct_size, the rest is filled in.
 */
typedef struct jvdb_written_t {
    /**
     * sizeof(jvdb_written_t), as the program was compiled.
     */
    size_t struct_size;
    /**
     * Vectors stored under keys that were not there before.
     */
    uint64_t inserted;
    /**
     * Vectors stored in place of others.
     */
    uint64_t replaced;
    /**
     * Vectors deleted.
     */
    uint64_t deleted;
} jvdb_written_t;

/**
 * Keys to read, and where to. Set either `ids` or `keys`. All arrays are the caller's; those that are not wanted are
 * NULL.
 */
typedef struct jvdb_get_batch_t {
    /**
     * sizeof(jvdb_get_batch_t), as the program was compiled.
     */
    size_t struct_size;
    /**
     * Number of keys.
     */
    size_t count;
    /**
     * Elements of each row: the database's dimension.
     */
    size_t dimension;
    /**
     * `count` integer keys, or NULL.
     */
    const uint64_t *ids;
    /**
     * `count` keys of any kind, or NULL.
     */
    const struct jvdb_key_t *keys;
    /**
     * Room for `count` rows, or NULL. The row of a key that is not there is left as it was.
     */
    float *matrix;
    /**
     * Elements from the beginning of one row of `matrix` to that of the next: 0 for `dimension`, otherwise at least that.
     */
    size_t row_stride;
    /**
     * `count` bytes, each of which becomes 1 if the key is there and 0 if not; or NULL.
     */
    uint8_t *found;
    /**
     * Room for `metadata_capacity` bytes: the metadata of all keys, one behind the other; or NULL.
     */
    void *metadata;
    /**
     * Bytes of room at `metadata`.
     */
    size_t metadata_capacity;
    /**
     * `count` lengths, of the metadata of each key, 0 for one that is not there; or NULL.
     */
    size_t *metadata_lengths;
} jvdb_get_batch_t;

/**
 * Takes one vector of a visit: the pointer given to jvdb_visit(), the key, `dimension` elements on a 64-byte boundary,
 * and the metadata, which are never NULL. All of it may be read until this returns, and not after. Returns 0 to go on,
 * anything else to stop behind this vector.
 *
 * It runs on the thread that visits, in the middle of that call. It must return in the ordinary way: no exception, no
 * longjmp, no end of the thread. Of this library it may call what reads the same database by key (jvdb_get_into(),
 * jvdb_get(), jvdb_get_batch(), jvdb_contains()), jvdb_count(), and all that asks or releases a vector or an error.
 * What writes to, flushes, compacts, backs up or drops this database fails there with JVDB_ERROR_INVALID_ARGUMENT. Any other call
 * may wait for ever, for one that waits for this; and so may the callback if it waits for a lock that another thread
 * holds while it writes to this database. Its handle must not be released. So note what is to be written, stop, write,
 * and visit on from there; or use a cursor, which holds nothing up.
 */
typedef int32_t (*jvdb_visit_callback_t)(void *user,
                                         struct jvdb_key_t key,
                                         const float *elements,
                                         size_t dimension,
                                         const void *metadata,
                                         size_t metadata_length);

/**
 * One finding. Set struct_size, the rest is filled in. What it points to lives as long as the findings.
 */
typedef struct jvdb_finding_t {
    /**
     * sizeof(jvdb_finding_t), as the program was compiled.
     */
    size_t struct_size;
    /**
     * A JVDB_FINDING_*. Later versions may add some.
     */
    uint64_t kind;
    /**
     * Byte offset in the file as it was; 0 where the kind has none.
     */
    uint64_t offset;
    /**
     * Where a gap ends; otherwise 0.
     */
    uint64_t end;
    /**
     * Records lost in a gap, the replaced and deleted ones among them; -1 if that is not known. Otherwise 0.
     */
    int64_t records;
    /**
     * One line of UTF-8 that tells all of it.
     */
    const char *text;
    /**
     * The key, or the bytes of an attribute's name; the integer 0 where the kind has none.
     */
    struct jvdb_key_t key;
} jvdb_finding_t;

/**
 * Figures of a verification. Set struct_size, the rest is filled in.
 */
typedef struct jvdb_verified_t {
    /**
     * sizeof(jvdb_verified_t), as the program was compiled.
     */
    size_t struct_size;
    /**
     * Damaged places. 0: the database is sound.
     */
    uint64_t damaged;
    /**
     * Records read.
     */
    uint64_t records;
    /**
     * Live vectors found.
     */
    uint64_t vectors;
    /**
     * Attributes found.
     */
    uint64_t attributes;
    /**
     * Bytes checked.
     */
    uint64_t bytes;
} jvdb_verified_t;

/**
 * Figures of a repair. Set struct_size, the rest is filled in.
 */
typedef struct jvdb_repaired_t {
    /**
     * sizeof(jvdb_repaired_t), as the program was compiled.
     */
    size_t struct_size;
    /**
     * Damaged places. 0: there was nothing to repair, and nothing was changed.
     */
    uint64_t damaged;
    /**
     * Vectors that are there now.
     */
    uint64_t vectors;
    /**
     * Attributes that are there now.
     */
    uint64_t attributes;
    /**
     * Vectors and attributes that are gone and whose names are known.
     */
    uint64_t lost;
    /**
     * Ranges of the file in which records were lost whose names could not be read.
     */
    uint64_t gaps;
    /**
     * Vectors and attributes that may be older than the last ones stored.
     */
    uint64_t doubtful;
} jvdb_repaired_t;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * JVDB_ABI_VERSION of the library the program runs with.
 */
uint32_t jvdb_abi_version(void);

/**
 * Version of the library the program runs with, as text: "0.1.0". Static.
 */
const char *jvdb_version(void);

/**
 * What a status says, where there is no error object to ask: one line of English, static. Never NULL.
 */
const char *jvdb_status_text(jvdb_status_t status);

/**
 * Status code of the failed call, as it returned it. JVDB_OK for NULL.
 */
jvdb_status_t jvdb_error_code(const struct jvdb_error_t *error);

/**
 * What happened, where, and what to do: one line of UTF-8. Lives as long as the error; an empty string for NULL.
 */
const char *jvdb_error_message(const struct jvdb_error_t *error);

/**
 * errno of the operating system for JVDB_ERROR_IO and JVDB_ERROR_NO_SPACE; 0 where there is none.
 */
int32_t jvdb_error_os_errno(const struct jvdb_error_t *error);

/**
 * Name of the database it happened to, or NULL. Lives as long as the error.
 */
const char *jvdb_error_database(const struct jvdb_error_t *error);

/**
 * File or directory it happened to, or NULL. Lives as long as the error.
 */
const char *jvdb_error_path(const struct jvdb_error_t *error);

/**
 * Byte offset in that file, or -1 where none is known.
 */
int64_t jvdb_error_offset(const struct jvdb_error_t *error);

/**
 * Frees an error and every string taken from it. NULL is ignored.
 */
void jvdb_error_free(struct jvdb_error_t *error);

/**
 * Hands what the library has to say to a callback: everything up to `level`, a JVDB_LOG_*. One callback for the whole
 * process; NULL, or JVDB_LOG_OFF, for none, as in the beginning. When this returns the callback that was set before is
 * not running any more and will not be called again. A forked child has its parent's callback until it sets another one.
 *
 * Fails with JVDB_ERROR_INVALID_ARGUMENT for another level, or when called from within a callback.
 */
jvdb_status_t jvdb_set_log(jvdb_log_callback_t callback,
                           void *user,
                           int32_t level,
                           struct jvdb_error_t **error);

/**
 * Hands a line of the program's own to the callback that jvdb_set_log() has set, if it takes that level: so a program, or a
 * layer over this library, has one log for both. `level` is a JVDB_LOG_* but JVDB_LOG_OFF, `message` UTF-8.
 *
 * Returns JVDB_ABSENT if jvdb_set_log() was never called: nobody has said what is to become of lines. Fails with
 * JVDB_ERROR_INVALID_ARGUMENT for another level, or when called from within a callback.
 */
jvdb_status_t jvdb_log(int32_t level,
                       const char *message,
                       struct jvdb_error_t **error);

/**
 * Opens a directory of databases, creating it if it is missing, and takes its lock: one process writes at a time.
 * No database file is opened yet, so this takes the same time for one database and for a thousand.
 * `options` may be NULL for the defaults. Close the storage with jvdb_close().
 *
 * Fails with JVDB_ERROR_LOCKED if the directory is open for writing elsewhere, JVDB_ERROR_IO if it cannot be made,
 * read or written, JVDB_ERROR_INVALID_ARGUMENT for options out of range.
 */
jvdb_status_t jvdb_open(const char *path,
                        const struct jvdb_options_t *options,
                        struct jvdb_storage_t **storage,
                        struct jvdb_error_t **error);

/**
 * Opens an empty storage in memory: the same calls, no files; all is gone when it is closed. Flags that speak of files
 * mean nothing here.
 */
jvdb_status_t jvdb_open_memory(const struct jvdb_options_t *options,
                               struct jvdb_storage_t **storage,
                               struct jvdb_error_t **error);

/**
 * Flushes everything, closes every file, releases the lock, and frees the storage, also when it returns an error.
 * Release database handles and cursors before: one that is still held goes on working, and keeps the directory and
 * its lock until it is released. No other call on this storage may run or follow. NULL is ignored.
 */
jvdb_status_t jvdb_close(struct jvdb_storage_t *storage,
                         struct jvdb_error_t **error);

/**
 * Creates a database; it is durable when this returns. Names are UTF-8 without '/' and NUL, of up to
 * 246 bytes, of which all but letters, digits, '-', '_' and '.' count three times.
 * `dimension` is the number of elements of each vector, 1 to 65,536; `metric` one of JVDB_METRIC_*.
 * `database` receives a handle on it, to be released with jvdb_database_release(); it may be NULL.
 *
 * Fails with JVDB_ERROR_ALREADY_EXISTS if there is one of this name.
 */
jvdb_status_t jvdb_create(struct jvdb_storage_t *storage,
                          const char *name,
                          uint32_t dimension,
                          int32_t metric,
                          struct jvdb_database_t **database,
                          struct jvdb_error_t **error);

/**
 * Creates a database that has `count` attributes from the moment that it exists: neither a crash nor a failure leaves one
 * without them. As jvdb_create() otherwise.
 *
 * Fails with JVDB_ERROR_INVALID_ARGUMENT, too, for an attribute that jvdb_attribute_set() would refuse.
 */
jvdb_status_t jvdb_create_with(struct jvdb_storage_t *storage,
                               const char *name,
                               uint32_t dimension,
                               int32_t metric,
                               const struct jvdb_attribute_t *attributes,
                               size_t count,
                               struct jvdb_database_t **database,
                               struct jvdb_error_t **error);

/**
 * Opens a database and pins it, and creates it first if there is none. As jvdb_create() and jvdb_database_open(), but for
 * who comes first: so a program that runs again, or two threads at once, get the same database.
 *
 * Fails with JVDB_ERROR_INVALID_ARGUMENT if there is one of this name with another dimension or metric.
 */
jvdb_status_t jvdb_open_or_create(struct jvdb_storage_t *storage,
                                  const char *name,
                                  uint32_t dimension,
                                  int32_t metric,
                                  struct jvdb_database_t **database,
                                  struct jvdb_error_t **error);

/**
 * Opens a database and pins it: its file stays open until the handle is released with jvdb_database_release().
 *
 * Fails with JVDB_ERROR_NOT_FOUND, with JVDB_ERROR_ALL_PINNED if max_open_files databases are held already, and with
 * JVDB_ERROR_CORRUPT or JVDB_ERROR_UNSUPPORTED_VERSION if the file is not what it should be.
 */
jvdb_status_t jvdb_database_open(struct jvdb_storage_t *storage,
                                 const char *name,
                                 struct jvdb_database_t **database,
                                 struct jvdb_error_t **error);

/**
 * Whether a database of this name exists: JVDB_OK or JVDB_ABSENT. Opens nothing.
 */
jvdb_status_t jvdb_exists(const struct jvdb_storage_t *storage,
                          const char *name,
                          struct jvdb_error_t **error);

/**
 * Removes a database and its file. Handles on it fail with JVDB_ERROR_DROPPED from then on; pinned vectors stay valid.
 *
 * Fails with JVDB_ERROR_NOT_FOUND if there is none of this name.
 */
jvdb_status_t jvdb_drop(struct jvdb_storage_t *storage,
                        const char *name,
                        struct jvdb_error_t **error);

/**
 * Lists the names of all databases, sorted by their bytes. Free the list with jvdb_names_free().
 */
jvdb_status_t jvdb_list(const struct jvdb_storage_t *storage,
                        struct jvdb_names_t **names,
                        struct jvdb_error_t **error);

/**
 * Makes everything acknowledged before this call, in every database, survive a loss of power. All databases are tried;
 * the first error is returned. `duration_us` receives the microseconds it took; it may be NULL.
 */
jvdb_status_t jvdb_storage_flush(struct jvdb_storage_t *storage,
                                 uint64_t *duration_us,
                                 struct jvdb_error_t **error);

/**
 * Figures of the directory. Set `stats->struct_size` before the call. Reads the first page of each database that is
 * not open.
 */
jvdb_status_t jvdb_storage_stats(const struct jvdb_storage_t *storage,
                                 struct jvdb_storage_stats_t *stats,
                                 struct jvdb_error_t **error);

/**
 * Number of names; 0 for NULL.
 */
size_t jvdb_names_count(const struct jvdb_names_t *names);

/**
 * The name at an index, NUL-terminated, or NULL past the end. Lives as long as the list.
 */
const char *jvdb_names_at(const struct jvdb_names_t *names, size_t index);

/**
 * Bytes of the name at an index, without the NUL behind it; 0 past the end. More than strlen() says only for an attribute
 * that was named from another language with a NUL inside.
 */
size_t jvdb_names_length(const struct jvdb_names_t *names,
                         size_t index);

/**
 * Frees a list and every name taken from it. NULL is ignored.
 */
void jvdb_names_free(struct jvdb_names_t *names);

/**
 * Releases a handle, so that the database may be closed to make room for others. It does not flush. NULL is ignored.
 */
void jvdb_database_release(struct jvdb_database_t *database);

/**
 * Dimension (elements of each vector) and metric (JVDB_METRIC_*) of a database. Either out-parameter may be NULL.
 */
jvdb_status_t jvdb_database_schema(const struct jvdb_database_t *database,
                                   uint32_t *dimension,
                                   int32_t *metric,
                                   struct jvdb_error_t **error);

/**
 * Stores a vector, or replaces the one of this key. When it returns, the vector survives the death of the process;
 * after the next flush also a loss of power.
 *
 * `vector` has `dimension` elements, stored bit by bit as given, NaN included. `metadata` is any bytes up to 16 MiB,
 * JSON text by convention; NULL with length 0 for none.
 *
 * Fails with JVDB_ERROR_DIMENSION_MISMATCH, JVDB_ERROR_NO_SPACE or JVDB_ERROR_POISONED; then nothing has changed.
 */
jvdb_status_t jvdb_put(struct jvdb_database_t *database,
                       struct jvdb_key_t key,
                       const float *vector,
                       size_t dimension,
                       const void *metadata,
                       size_t metadata_length,
                       struct jvdb_error_t **error);

/**
 * As jvdb_put(), but only under a new key: fails with JVDB_ERROR_KEY_EXISTS otherwise.
 */
jvdb_status_t jvdb_insert(struct jvdb_database_t *database,
                          struct jvdb_key_t key,
                          const float *vector,
                          size_t dimension,
                          const void *metadata,
                          size_t metadata_length,
                          struct jvdb_error_t **error);

/**
 * As jvdb_put(), but only in place of an existing vector: fails with JVDB_ERROR_KEY_NOT_FOUND otherwise.
 */
jvdb_status_t jvdb_replace(struct jvdb_database_t *database,
                           struct jvdb_key_t key,
                           const float *vector,
                           size_t dimension,
                           const void *metadata,
                           size_t metadata_length,
                           struct jvdb_error_t **error);

/**
 * Copies a vector and its metadata into the caller's buffers. JVDB_ABSENT if there is none of this key.
 *
 * `vector` has room for `dimension` elements, which must be the database's dimension; NULL if the vector is not
 * wanted. `metadata` has room for `metadata_capacity` bytes; NULL if it is not wanted. `metadata_length` receives the
 * metadata's length whenever the vector exists, also when it is not wanted or does not fit; it may be NULL.
 *
 * Never copies a part: with JVDB_ERROR_BUFFER_TOO_SMALL, as with every other status but JVDB_OK, both buffers are
 * untouched. jvdb_get() copies nothing at all.
 */
jvdb_status_t jvdb_get_into(const struct jvdb_database_t *database,
                            struct jvdb_key_t key,
                            float *vector,
                            size_t dimension,
                            void *metadata,
                            size_t metadata_capacity,
                            size_t *metadata_length,
                            struct jvdb_error_t **error);

/**
 * Whether there is a vector of this key: JVDB_OK or JVDB_ABSENT.
 */
jvdb_status_t jvdb_contains(const struct jvdb_database_t *database,
                            struct jvdb_key_t key,
                            struct jvdb_error_t **error);

/**
 * Deletes a vector and its metadata. JVDB_ABSENT if there was none of this key. Durable as jvdb_put().
 */
jvdb_status_t jvdb_delete(struct jvdb_database_t *database,
                          struct jvdb_key_t key,
                          struct jvdb_error_t **error);

/**
 * Number of live vectors.
 */
jvdb_status_t jvdb_count(const struct jvdb_database_t *database,
                         uint64_t *count,
                         struct jvdb_error_t **error);

/**
 * Moves a database of a directory opened with JVDB_READ_ONLY on to what is durable in its file now. JVDB_ABSENT if there was
 * nothing new. Without it each call shows a state at least as new as the call before; cursors and vectors that were read stay as
 * they are. A database that this process writes is always up to date: JVDB_ABSENT.
 *
 * Fails with JVDB_ERROR_REMOVED if the file is gone or another database's, JVDB_ERROR_CORRUPT or JVDB_ERROR_IO; the database shows
 * what it showed then.
 */
jvdb_status_t jvdb_refresh(struct jvdb_database_t *database,
                           struct jvdb_error_t **error);

/**
 * Makes everything acknowledged on this database before the call survive a loss of power. Other threads go on reading
 * and writing meanwhile. `duration_us` receives the microseconds it took; it may be NULL.
 *
 * Fails with JVDB_ERROR_IO or JVDB_ERROR_POISONED; nothing more is durable then than before.
 */
jvdb_status_t jvdb_flush(struct jvdb_database_t *database,
                         uint64_t *duration_us,
                         struct jvdb_error_t **error);

/**
 * Figures of one database. Set `stats->struct_size` before the call.
 */
jvdb_status_t jvdb_database_stats(const struct jvdb_database_t *database,
                                  struct jvdb_database_stats_t *stats,
                                  struct jvdb_error_t **error);

/**
 * Reads a vector and its metadata without copying them. JVDB_ABSENT if there is none of this key.
 * Release `*vector` with jvdb_vector_release() after JVDB_OK; after any other status there is nothing to release,
 * and releasing it does nothing.
 */
jvdb_status_t jvdb_get(const struct jvdb_database_t *database,
                       struct jvdb_key_t key,
                       struct jvdb_vector_t *vector,
                       struct jvdb_error_t **error);

/**
 * Releases a pinned vector and makes it an empty one, so that releasing it again does nothing. NULL and a struct of
 * zeros are ignored.
 */
void jvdb_vector_release(struct jvdb_vector_t *vector);

/**
 * Stores all vectors of a batch, or none: also across a crash or a loss of power. Durable as jvdb_put(). One lock
 * and as few writes as possible for all of it; 1,000 rows is a good size. An empty batch does nothing.
 */
jvdb_status_t jvdb_put_batch(struct jvdb_database_t *database,
                             const struct jvdb_batch_t *batch,
                             struct jvdb_error_t **error);

/**
 * As jvdb_put_batch(), and tells what was done: rows take effect in their order, some may delete. Readers see all of
 * it or nothing. `written` may be NULL; otherwise set its struct_size before the call.
 */
jvdb_status_t jvdb_write_batch(struct jvdb_database_t *database,
                               const struct jvdb_batch_t *batch,
                               struct jvdb_written_t *written,
                               struct jvdb_error_t **error);

/**
 * Deletes the vectors of `count` keys, all in one atomic step; those that are not there are passed over. Set either
 * `ids` or `keys`, the other to NULL. `deleted` receives the number of vectors that were there; it may be NULL. Durable
 * as jvdb_put().
 */
jvdb_status_t jvdb_delete_batch(struct jvdb_database_t *database,
                                const uint64_t *ids,
                                const struct jvdb_key_t *keys,
                                size_t count,
                                uint64_t *deleted,
                                struct jvdb_error_t **error);

/**
 * Opens a cursor behind `position`: 0 to begin, or what jvdb_cursor_position() gave, which stays good for as long as
 * the database is neither dropped nor compacted. Close it with jvdb_cursor_close().
 *
 * Keys come in the order in which they were last stored. It gives the database as it was at the first key: each key once, and
 * those that are replaced or deleted meanwhile last. It ends there; what is stored meanwhile comes from a cursor opened at its
 * position, which may give a key that was replaced once more. A compaction meanwhile may make a key come twice. After an error it
 * is at its end.
 */
jvdb_status_t jvdb_cursor_open(const struct jvdb_database_t *database,
                               uint64_t position,
                               struct jvdb_cursor_t **cursor,
                               struct jvdb_error_t **error);

/**
 * Gives the next key, or JVDB_ABSENT after the last. Bytes of the key live until the next call on this cursor.
 */
jvdb_status_t jvdb_cursor_next_key(struct jvdb_cursor_t *cursor,
                                   struct jvdb_key_t *key,
                                   struct jvdb_error_t **error);

/**
 * Gives the next key with its vector and metadata, in place, or JVDB_ABSENT after the last. Bytes of the key live until
 * the next call on this cursor; the vector lives until jvdb_vector_release(), also beyond the cursor. After any status
 * but JVDB_OK there is nothing to release. May be mixed with jvdb_cursor_next_key().
 */
jvdb_status_t jvdb_cursor_next_vector(struct jvdb_cursor_t *cursor,
                                      struct jvdb_key_t *key,
                                      struct jvdb_vector_t *vector,
                                      struct jvdb_error_t **error);

/**
 * Where the cursor is: behind the key given last. A number to keep and to open another cursor at.
 */
jvdb_status_t jvdb_cursor_position(const struct jvdb_cursor_t *cursor,
                                   uint64_t *position,
                                   struct jvdb_error_t **error);

/**
 * Closes a cursor. NULL is ignored.
 */
void jvdb_cursor_close(struct jvdb_cursor_t *cursor);

/**
 * Reads the vectors of many keys into a matrix. Faster than one call for each, because the memory of some dozen vectors
 * is asked for at once. Each key is read as it is at some moment during the call.
 *
 * `found_count` receives the number of keys that are there, `metadata_length` the bytes of all their metadata; both may
 * be NULL, and both are also written with JVDB_ERROR_BUFFER_TOO_SMALL, the answer if `metadata` is too small: then
 * everything but `metadata`, which holds no promise, is as with JVDB_OK. With any other error nothing that the struct
 * points to holds a promise.
 */
jvdb_status_t jvdb_get_batch(const struct jvdb_database_t *database,
                             const struct jvdb_get_batch_t *batch,
                             size_t *found_count,
                             size_t *metadata_length,
                             struct jvdb_error_t **error);

/**
 * Shows vectors to `callback`, one after the other, until it has had enough or there are no more. The fastest way to look
 * at everything: nothing is pinned, and nothing is to be released. A cursor gives the same vectors in the same order.
 *
 * `position` is 0 to begin, or what `reached` or jvdb_cursor_position() gave, behind which it goes on; from 0 it goes
 * fastest. `user` is handed to the callback. `reached` receives the position behind the vector shown last, for another
 * visit or a cursor, and is good for as long as jvdb_cursor_open() says; it may be NULL.
 *
 * Returns JVDB_OK in both cases: the callback knows whether it has stopped. A vector that is there throughout is shown at
 * least once: again if another thread replaces it meanwhile, and perhaps again if one compacts the database. What is
 * stored meanwhile is shown, too, so whoever stores faster than the callback sees keeps the visit going. A batch or a
 * flush of this database waits until the callback returns, and other readers wait for that, so it should be short.
 *
 * Fails with JVDB_ERROR_INVALID_ARGUMENT for a position that nothing gave, or if the database was compacted twice between
 * two vectors; and as a cursor does. What lies before the record at fault has been shown then.
 */
jvdb_status_t jvdb_visit(const struct jvdb_database_t *database,
                         uint64_t position,
                         jvdb_visit_callback_t callback,
                         void *user,
                         uint64_t *reached,
                         struct jvdb_error_t **error);

/**
 * Sets an attribute: up to 16 MiB under a name of 1 to 512 bytes. Durable as jvdb_put().
 */
jvdb_status_t jvdb_attribute_set(struct jvdb_database_t *database,
                                 const char *name,
                                 const void *value,
                                 size_t value_length,
                                 struct jvdb_error_t **error);

/**
 * Copies the value of an attribute. JVDB_ABSENT if there is none of this name.
 *
 * `value` has room for `value_capacity` bytes; NULL if only the length is wanted. `value_length` receives the length
 * whenever the attribute exists, also with JVDB_ERROR_BUFFER_TOO_SMALL, when nothing is copied; it may be NULL.
 */
jvdb_status_t jvdb_attribute_get(const struct jvdb_database_t *database,
                                 const char *name,
                                 void *value,
                                 size_t value_capacity,
                                 size_t *value_length,
                                 struct jvdb_error_t **error);

/**
 * Removes an attribute. JVDB_ABSENT if there was none of this name. Durable as jvdb_put().
 */
jvdb_status_t jvdb_attribute_remove(struct jvdb_database_t *database,
                                    const char *name,
                                    struct jvdb_error_t **error);

/**
 * Lists the names of all attributes, sorted by their bytes. Free the list with jvdb_names_free(). Reads the whole index.
 */
jvdb_status_t jvdb_attribute_list(const struct jvdb_database_t *database,
                                  struct jvdb_names_t **names,
                                  struct jvdb_error_t **error);

/**
 * Tells the operating system how the file will be read: `advice` is a JVDB_ADVICE_*. It changes how long reads take,
 * never what they give. It holds while the file is open, as it is while there is a handle, and until the database is
 * compacted. A database in memory takes no advice and returns JVDB_OK.
 *
 * Fails with JVDB_ERROR_INVALID_ARGUMENT for any other number, and with JVDB_ERROR_IO if the operating system refuses;
 * reads go on then.
 */
jvdb_status_t jvdb_advise(struct jvdb_database_t *database,
                          int32_t advice,
                          struct jvdb_error_t **error);

/**
 * Number of findings; 0 for NULL.
 */
size_t jvdb_findings_count(const struct jvdb_findings_t *findings);

/**
 * The finding at an index: JVDB_OK, or JVDB_ABSENT past the end and for NULL. Set `finding->struct_size` before the call.
 */
jvdb_status_t jvdb_findings_at(const struct jvdb_findings_t *findings,
                               size_t index,
                               struct jvdb_finding_t *finding,
                               struct jvdb_error_t **error);

/**
 * Name of the file, in the same directory, that holds a repaired database as it was; NULL if nothing was repaired. Lives
 * as long as the findings.
 */
const char *jvdb_findings_backup(const struct jvdb_findings_t *findings);

/**
 * Frees findings and everything taken from them. NULL is ignored.
 */
void jvdb_findings_free(struct jvdb_findings_t *findings);

/**
 * Checks every checksum, the chain of the log, and the index against the log. Damage is no failure of this call: it
 * returns JVDB_OK and tells of it. Reads, writes and flushes go on meanwhile.
 *
 * `verified` receives the figures; set its struct_size before the call, or pass NULL. `findings` receives the damaged
 * places, to be freed with jvdb_findings_free(); it may be NULL.
 *
 * Fails with JVDB_ERROR_IO if the file cannot be read.
 */
jvdb_status_t jvdb_verify(const struct jvdb_database_t *database,
                          struct jvdb_verified_t *verified,
                          struct jvdb_findings_t **findings,
                          struct jvdb_error_t **error);

/**
 * Repairs a damaged database: writes all that is sound in its file to a new one, which takes its place. The file as it
 * was stays beside it; jvdb_findings_backup() tells under which name, and whoever needs its space removes it. A sound
 * database is not touched. What is damaged is left out, never guessed, and named in the findings.
 *
 * `dimension` and `metric` are needed only if the file is so damaged that it does not tell them: 0 and 0 otherwise.
 * No handle may hold the database; this waits pin_timeout_ms for the last to be released. `repaired` receives the
 * figures; set its struct_size before the call, or pass NULL. `findings` receives what was damaged and lost, to be freed
 * with jvdb_findings_free(); it may be NULL.
 *
 * Fails with JVDB_ERROR_NOT_FOUND, JVDB_ERROR_READ_ONLY, JVDB_ERROR_INVALID_ARGUMENT if a handle holds the database or
 * the dimension is not that of the file, JVDB_ERROR_CORRUPT if nothing can be saved. Nothing is changed then.
 */
jvdb_status_t jvdb_repair(struct jvdb_storage_t *storage,
                          const char *name,
                          uint32_t dimension,
                          int32_t metric,
                          struct jvdb_repaired_t *repaired,
                          struct jvdb_findings_t **findings,
                          struct jvdb_error_t **error);

/**
 * Gives back the space of replaced and deleted vectors: writes the live ones to a new file that takes the place of the
 * old one. Reads and writes go on meanwhile, pinned vectors stay valid. `gained_bytes` receives the bytes gained; it may
 * be NULL. The disk must have room for all live vectors.
 *
 * Fails as jvdb_flush() does, and with JVDB_ERROR_CORRUPT if a live vector is damaged; then nothing has changed.
 */
jvdb_status_t jvdb_compact(struct jvdb_database_t *database,
                           uint64_t *gained_bytes,
                           struct jvdb_error_t **error);

/**
 * Flushes, and writes a copy of the database as it is then to a new file, which is durable when this returns. Put into
 * a storage directory under NAME.jvdb, it is the database of that name. Reads, writes and flushes go on meanwhile.
 * A crash leaves no file or, under another name that ends in .tmp, a part of it. `bytes` receives the length of the
 * copy; it may be NULL. Databases in memory can be copied to files too.
 *
 * Fails with JVDB_ERROR_IO if there is a file at `path` already or it cannot be written, JVDB_ERROR_NO_SPACE, and as
 * jvdb_flush() does.
 */
jvdb_status_t jvdb_backup(struct jvdb_database_t *database,
                          const char *path,
                          uint64_t *bytes,
                          struct jvdb_error_t **error);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

/**
 * An integer key.
 */
static inline jvdb_key_t jvdb_key(uint64_t id)
{
    jvdb_key_t key;
    key.bytes = NULL;
    key.number = id;
    return key;
}

/**
 * A byte key of 1 to 512 bytes. NULL and length 0 make a key that every call refuses, never an integer key.
 */
static inline jvdb_key_t jvdb_key_bytes(const void *bytes, size_t length)
{
    jvdb_key_t key;
    key.bytes = bytes != NULL ? bytes : "";
    key.number = bytes != NULL ? length : 0;
    return key;
}

#endif /* JVDB_H */
